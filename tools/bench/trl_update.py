"""TRL's GRPO update from the groups of a batch: TRL's own loss and log-probabilities, backward, AdamW; prints JSON.

As shipped: GRPOConfig's defaults, 8 rows at a time with checkpointed layers, each token of prompt and completion through
the head. At its best: the completion's rows alone through the head, which TRL does by itself on a GPU, layers not
computed again, and as many rows at a time as is asked for.
"""
import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
import transformers
import trl
from datasets import Dataset
from safetensors.torch import save_file
from tokenizers import Tokenizer, models

SIZES = (1, 2, 4, 8, 16)
SHIPPED_SIZE = 8  # GRPOConfig's per_device_train_batch_size


def status(key, file="/proc/self/status"):
    """Bytes of a line of Linux's, as "VmRSS:   123 kB"."""
    return next(int(line.split()[1]) * 1024 for line in open(file) if line.startswith(key + ":"))


class Memory:
    """As core/base/machine.h: the peak counts from when it is made."""

    def __init__(self):
        Path("/proc/self/clear_refs").write_text("5")
        self.start = status("VmRSS")

    def peak_above(self):
        return status("VmHWM") - self.start


def read_inputs(path):
    """What GRPOTrainer makes of a batch: each row a response behind a copy of its prompt, all of one length."""
    batch = json.loads(Path(path).read_text())
    prompts = [prompt for prompt, group in zip(batch["prompt_ids"], batch["response_ids"]) for _ in group]
    inputs = {"prompt_ids": torch.tensor(prompts),
              "completion_ids": torch.tensor([ids for group in batch["response_ids"] for ids in group]),
              "advantages": torch.tensor([value for group in batch["advantages"] for value in group])}
    for part in ("prompt", "completion"):
        inputs[f"{part}_mask"] = torch.ones_like(inputs[f"{part}_ids"])
    return inputs


def make_trainer(model, rows, response, bf16, folder):
    """A GRPOTrainer as its users make it; the tokenizer is there because it asks for one."""
    nothing = "<pad>"
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({nothing: 0}, unk_token=nothing)), pad_token=nothing, eos_token=nothing)
    # loss_type "dapo", the default: the mean over the tokens of the batch. beta 0, the default: no KL.
    config = trl.GRPOConfig(folder, use_cpu=True, bf16=bf16, per_device_train_batch_size=rows, num_generations=rows,
                            max_completion_length=response, report_to="none")
    assert config.loss_type == "dapo" and config.beta == 0
    trainer = trl.GRPOTrainer(model, reward_funcs=lambda completions, **_: [0.0] * len(completions), args=config,
                              train_dataset=Dataset.from_dict({"prompt": ["-"]}), processing_class=tokenizer)
    # What Trainer.train() sets; the loss below is scaled for all rows, whatever the rows at a time.
    trainer.current_gradient_accumulation_steps = config.steps_per_generation
    return trainer


class Update:
    def __init__(self, trainer, inputs):
        self.trainer, self.inputs = trainer, inputs
        self.model = trainer.model.train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-6, weight_decay=0.1)  # golong's default

    def gradients(self, micro_batch, rows):
        """Adds up the gradients of the first `rows` rows."""
        tokens = self.inputs["completion_mask"].sum()
        for start in range(0, rows, micro_batch):
            part = {name: tensor[start:min(start + micro_batch, rows)] for name, tensor in self.inputs.items()}
            self.trainer._compute_loss(self.model, part | {"num_items_in_batch": tokens}).backward()

    def step(self, micro_batch, rows):
        """Seconds of forward, backward, clipping and AdamW."""
        start = time.perf_counter()
        self.optimizer.zero_grad()
        self.gradients(micro_batch, rows)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.trainer.args.max_grad_norm)
        self.optimizer.step()
        return time.perf_counter() - start

    def logprobs(self):
        """[rows, R], of one row at a time."""
        ids = torch.cat([self.inputs["prompt_ids"], self.inputs["completion_ids"]], 1)
        with torch.no_grad():
            return self.trainer._get_per_token_logps_and_entropies(
                self.model, ids, torch.ones_like(ids), self.inputs["completion_ids"].size(1), batch_size=1)[0]

    def best_micro_batch(self, rows):
        """Rows at a time that take the least time a row. Larger ones are not tried once one is a seventh slower than the
        best, or would need more memory than there is: twice the rows, twice the memory."""
        memory, available = Memory(), status("MemAvailable", "/proc/meminfo")
        self.step(1, 1)  # warms up
        seconds = {}
        for size in SIZES:
            if size > rows or 2 * memory.peak_above() > available:
                break
            some = min(rows, max(size, 4))
            seconds[size] = self.step(size, some) / some
            if seconds[size] > 1.15 * min(seconds.values()):
                break
        return {"micro_batch": min(seconds, key=seconds.get), "seconds_a_row": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--batch", required=True, help="JSON as of `golong bench train --batch`")
    parser.add_argument("--shipped", action="store_true", help="as shipped in place of at its best")
    parser.add_argument("--bf16", action="store_true", help="under autocast")
    parser.add_argument("--micro-batch", type=int, default=SHIPPED_SIZE, help="rows at a time")
    parser.add_argument("--repetitions", type=int, default=3, help="the median of so many steps")
    parser.add_argument("--find-micro-batch", action="store_true", help="prints the best one, of 1 to 16 rows")
    parser.add_argument("--dump-gradients", metavar="FILE", help="writes them and `logprobs`, and measures nothing")
    options = parser.parse_args()
    inputs = read_inputs(options.batch)
    rows, response = inputs["completion_ids"].shape
    model = transformers.AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    for parameter in model.parameters():  # a map of the file, of which a step would count each page that it writes
        parameter.data = parameter.data.clone()
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(model, rows, response, options.bf16, folder)
    if options.shipped:
        assert trainer.args.activation_checkpointing
        model.activation_checkpointing_enable()  # as Trainer.train() does
    else:
        # Asked where the head's rows are chosen; its kernel goes on asking for itself and stays torch's.
        trl.trainer.utils._use_triton = lambda device: True
    update = Update(trainer, inputs)
    if options.dump_gradients:
        update.gradients(options.micro_batch, rows)
        save_file({"logprobs": update.logprobs()} | {name: p.grad for name, p in model.named_parameters()},
                  options.dump_gradients)
        return
    if options.find_micro_batch:
        print(json.dumps(update.best_micro_batch(rows)))
        return
    memory = Memory()
    update.step(options.micro_batch, min(options.micro_batch, rows))  # warms up
    seconds = [update.step(options.micro_batch, rows) for _ in range(options.repetitions)]
    print(json.dumps({"seconds": statistics.median(seconds), "peak_bytes": memory.peak_above(),
                      "micro_batch": options.micro_batch}))


main()

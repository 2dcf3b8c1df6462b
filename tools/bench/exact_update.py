"""How far gradients and log-probabilities of a batch are from those of the plain computation in float64; prints JSON.

Plain: transformers, each response behind a copy of its prompt, minus the mean over all response tokens of advantage times
log-probability. That is the gradient of GRPO's loss where the ratio is 1.
"""
import argparse
import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file


def float64_norm(norm):
    """transformers computes RMSNorm in float32, whatever the model's type."""
    def forward(x):
        return norm.weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + norm.variance_epsilon))
    return forward


def exact_update(folder, batch):
    """Gradients by name, log-probabilities [response tokens] in the order of the batch."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    for module in model.modules():
        if hasattr(module, "variance_epsilon"):
            module.forward = float64_norm(module)
    tokens = sum(len(ids) for group in batch["response_ids"] for ids in group)
    logprobs = []
    for prompt, group, advantages in zip(batch["prompt_ids"], batch["response_ids"], batch["advantages"]):
        for response, advantage in zip(group, advantages):
            ids = torch.tensor([prompt + response])
            logits = model(ids, logits_to_keep=len(response) + 1).logits[0, :-1]
            chosen = logits.log_softmax(-1).gather(1, torch.tensor(response)[:, None])[:, 0]
            (-advantage / tokens * chosen.sum()).backward()
            logprobs.append(chosen.detach())
    return {name: parameter.grad for name, parameter in model.named_parameters()}, torch.cat(logprobs)


def distance(got, exact):
    """Norm of the difference over the norm."""
    return ((got.double() - exact).norm() / exact.norm()).item()


def distances(exact, logprobs, found, found_logprobs):
    if exact.keys() != found.keys():
        raise SystemExit(f"gradients of other parameters: {sorted(exact.keys() ^ found.keys())}")
    each = {name: distance(found[name], gradient) for name, gradient in exact.items()}
    worst = max(each, key=each.get)
    return {"gradient": each[worst], "parameter": worst, "logprobs": distance(found_logprobs.flatten(), logprobs)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--batch", required=True, help="JSON as of `golong bench train --batch`")
    parser.add_argument("--golong", required=True, help="what `golong bench train --dump-gradients` wrote")
    parser.add_argument("--golong-logprobs", required=True, help="what `golong logprobs` wrote, a row for each response")
    parser.add_argument("--trl", required=True, help="what trl_update.py --dump-gradients wrote")
    options = parser.parse_args()
    exact, logprobs = exact_update(options.model, json.loads(Path(options.batch).read_text()))
    ours = torch.cat([torch.tensor(json.loads(line)["logprobs"]) for line in open(options.golong_logprobs)])
    theirs = load_file(options.trl)
    print(json.dumps({"golong": distances(exact, logprobs, load_file(options.golong), ours),
                      "trl": distances(exact, logprobs, theirs, theirs.pop("logprobs"))}))


if __name__ == "__main__":
    main()

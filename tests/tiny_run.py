"""A training that takes a second: a model of 0.1 million parameters with the tests' tokenizer, and rows whose rewards
differ. Also what a run leaves, without what may differ between two runs that are otherwise the same."""
import json
import subprocess
from pathlib import Path

from tests.run_files import depends_on_the_machine, metrics_by_step

ROOT = Path(__file__).resolve().parents[1]
SHAPE = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0, "max_position_embeddings": 512, "tie_word_embeddings": True, "torch_dtype": "float32",
    "hidden_act": "silu", "attention_bias": False, "vocab_size": 2048,
}
EXPERTS = {**SHAPE, "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "num_experts": 4,
           "num_experts_per_tok": 2, "moe_intermediate_size": 16, "norm_topk_prob": True}
# Words that a model which knows nothing writes now and then, so that its rewards differ.
WORDS = ("li lib f p for s t c d g m r a n libs P to G b in python library w C R S doc A files D th l M x o and devel net "
         "gn L utils T the k ruby h font v ad F O GN jav games E text Python tool")


def summary_row(i):
    return {"id": f"s{i}", "data_source": "longbench_pro", "ability": "Long document summarization",
            "prompt": [{"role": "user", "content": f"Summarize document {i}"}],
            "reward_model": {"ground_truth": {"doc_ids": [WORDS], "golden_label": "", "summary": "English"}},
            "extra_info": {"reward_mode": "T4.1 Global-Coverage Constrained Summary"}}


def make_model(golong, folder, shape=SHAPE):
    source = ROOT / "tests" / "data" / "tokenizer"
    (folder / "shape").mkdir()
    (folder / "shape" / "config.json").write_text(json.dumps(shape))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / "shape" / name).write_bytes((source / name).read_bytes())
    result = golong("make-model", "--config", folder / "shape" / "config.json", "--output", folder / "tiny")
    assert result.returncode == 0, result.stderr
    return folder / "tiny"


def write_config(model, folder, more=""):
    """A config of 8 steps and its 12 rows; `more` are tables that follow."""
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(summary_row(i)) + "\n" for i in range(12)))
    path = folder / "run.toml"
    path.write_text(f"""
model.path = "{model}"
data.train = ["{rows}"]
data.cache = "{folder}/cache"
rollout.n = 3
rollout.max_response_tokens = 10
rewards.gate = false
checkpoint.every = 2
[train]
steps = 8
prompts_per_step = 3
generation_prompts = 4
learning_rate = 3e-3
warmup_steps = 2
{more}""")
    return path


def metrics_of(run):
    """Numbers by step, without those of the machine; no step stands twice."""
    return {step: {name: value for name, value in values.items() if not depends_on_the_machine(name)}
            for step, values in metrics_by_step(run).items()}


def state_of(run):
    """The newest checkpoint's bytes, by file."""
    newest = max((run / "checkpoints").glob("step-*"))
    return {path.name: path.read_bytes() for path in newest.iterdir() if path.name not in ("run.toml", "manifest.json")}


def start(golong, config, run, *arguments, **more):
    return subprocess.Popen([golong.program, "train", str(config), "--set", f'run.directory="{run}"', *arguments],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            **more)

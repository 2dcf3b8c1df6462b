"""A model and rows small enough to train on within seconds."""
import json
import os
import subprocess
from pathlib import Path

import golong
import pytest

# Models this small do little between two meetings of the threads; spinning there takes the cores from one another where a
# machine is busy. Read when LibTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

ROOT = Path(__file__).resolve().parents[2]
SHAPE = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0, "max_position_embeddings": 1024, "tie_word_embeddings": True, "torch_dtype": "float32",
    "hidden_act": "silu", "attention_bias": False,
}


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A Hugging Face folder with fresh weights and the tests' tokenizer."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = ROOT / "tests" / "data" / "tokenizer"
    ids = json.loads((tokenizer / "tokenizer.json").read_text())
    highest = max([*ids["model"]["vocab"].values(), *(token["id"] for token in ids["added_tokens"])])
    (folder / "shape.json").write_text(json.dumps(SHAPE | {"vocab_size": highest + 1}))
    program = os.environ.get("GOLONG", ROOT / "build" / "bin" / "golong")
    subprocess.run([program, "make-model", "--config", folder / "shape.json", "--output", folder / "tiny"], check=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / "tiny" / name).write_bytes((tokenizer / name).read_bytes())
    return folder / "tiny"


@pytest.fixture
def config(model, tmp_path):
    """A training of three steps in a folder of its own."""
    rows = [{"id": str(i), "data_source": "EM", "ability": "precise_retrieval",
             "prompt": [{"role": "user", "content": f"What is {i} plus {i}?"}],
             "reward_model": {"ground_truth": {"golden_label": str(2 * i)}}, "extra_info": {}} for i in range(8)]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return golong.Config([f'model.path="{model}"', f'data.train=["{data}"]', f'data.cache="{tmp_path / "cache"}"',
                          f'run.directory="{tmp_path / "run"}"', "train.steps=3", "train.prompts_per_step=2",
                          "train.generation_prompts=2", "train.filter_groups=false", "rollout.n=2",
                          "rollout.max_response_tokens=6", "checkpoint.every=0", "train.normalizer=grpo"])

"""The memory that loading and saving a model take, in fresh processes: its weights and one stored tensor.

Before a model is loaded LibTorch has its part; how much that is differs by machine, so it is measured first.
"""
import json
import subprocess
from pathlib import Path

import pytest

CONFIG = dict(
    architectures=["Qwen3ForCausalLM"], model_type="qwen3", vocab_size=12000, hidden_size=1024, num_hidden_layers=6,
    num_attention_heads=16, num_key_value_heads=8, head_dim=64, intermediate_size=2816, max_position_embeddings=4096,
    rope_theta=1e6, rms_norm_eps=1e-6, tie_word_embeddings=True, attention_bias=False, hidden_act="silu",
    torch_dtype="float32")
ALLOWANCE = 16 << 20  # names, shapes, headers, the allocator; a second copy would be hundreds
BYTES = {"float32": 4, "bfloat16": 2}


def probe(golong, *words):
    result = subprocess.run([Path(golong.program).parent / "model_probe", *map(str, words)], capture_output=True, text=True,
                            timeout=300)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def check(measured, start, weights, largest):
    above = measured["peak"] - start
    assert weights <= above <= weights + largest + ALLOWANCE, (above, weights, largest)


@pytest.fixture(scope="module")
def models(golong, tmp_path_factory):
    """Folders by stored dtype: float32 in one file, bfloat16 in shards of 50 MB."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    result = golong("make-model", "--config", folder / "config.json", "--output", folder / "float32")
    assert result.returncode == 0, result.stderr
    saved = probe(golong, "save", folder / "float32", "float32", folder / "bfloat16", "bfloat16", 50_000_000)
    assert len(list((folder / "bfloat16").glob("model-*-of-*.safetensors"))) > 2
    return folder, saved


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("stored", ["float32", "bfloat16"])
def test_loading_takes_the_weights_and_one_tensor(golong, models, stored, dtype):
    loaded = probe(golong, "load", models[0] / stored, dtype)
    assert loaded["weights"] > 80e6 * BYTES[dtype]
    check(loaded, loaded["before"], loaded["weights"], loaded["largest_numel"] * BYTES[stored])


def test_saving_takes_one_tensor_more(models):
    loaded, saved = models[1]["load"], models[1]["save"]
    check(saved, loaded["before"], loaded["weights"], loaded["largest_numel"] * BYTES["float32"])

"""`golong bench train`: the gradients that it writes are those of the plain computation in float64, however the batch is run."""
import importlib.util
import json
import random
from pathlib import Path

import pytest
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("exact_update", ROOT / "tools" / "bench" / "exact_update.py")
exact_update = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exact_update)

VOCABULARY = 97
SHAPE = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": VOCABULARY, "hidden_size": 32,
    "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "rms_norm_eps": 1e-6, "rope_theta": 1e4, "max_position_embeddings": 512, "tie_word_embeddings": False,
    "attention_bias": False, "hidden_act": "silu", "torch_dtype": "float32", "eos_token_id": 0,
}


@pytest.fixture(scope="module")
def update(golong, tmp_path_factory):
    """A model, the file of a batch of two groups of unequal responses, and float64's gradients."""
    folder = tmp_path_factory.mktemp("bench-train")
    (folder / "config.json").write_text(json.dumps(SHAPE))
    assert golong("make-model", "--config", folder / "config.json", "--output", folder / "model").returncode == 0
    rng = random.Random(3)
    ids = lambda count: [rng.randrange(VOCABULARY) for _ in range(count)]
    batch = {"prompt_ids": [ids(70), ids(5)], "response_ids": [[ids(9), ids(1), ids(20)], [ids(12), ids(3)]],
             "advantages": [[1.5, -0.5, -1], [0.25, -0.25]]}
    (folder / "batch.json").write_text(json.dumps(batch))
    gradients, _ = exact_update.exact_update(folder / "model", batch)
    return folder, gradients


@pytest.mark.parametrize("options", [[], ["--share-prefix", "false"], ["--micro-batch-tokens", "85"]],
                         ids=["together", "copies", "parts"])
def test_gradients_are_those_of_float64(golong, update, tmp_path, options):
    folder, exact = update
    result = golong("bench", "train", "--model", folder / "model", "--batch", folder / "batch.json", "--repetitions", "1",
                    "--dump-gradients", tmp_path / "gradients.safetensors", *options)
    assert result.returncode == 0, result.stderr
    found = load_file(tmp_path / "gradients.safetensors")
    assert found.keys() == exact.keys()
    assert max(exact_update.distance(found[name], gradient) for name, gradient in exact.items()) < 1e-5
    norm = sum(gradient.square().sum().item() for gradient in exact.values()) ** 0.5
    assert json.loads(result.stdout)["grad_norm"] == pytest.approx(norm, rel=1e-5)


@pytest.mark.parametrize(("change", "complaint"), [
    ({"prompt_ids": [[1], [97]]}, "prompt_ids[1]: expected ids from 0 to 96, found 97"),
    ({"advantages": [[1, 2, 3]]}, "have 2, 2 and 1 groups"),
    ({"advantages": [[1, 2, 3], [1]]}, "advantages[1]: expected a number for each of the 2 responses"),
])
def test_a_batch_that_is_wrong_is_named(golong, update, tmp_path, change, complaint):
    folder, _ = update
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(json.loads((folder / "batch.json").read_text()) | change))
    result = golong("bench", "train", "--model", folder / "model", "--batch", path)
    assert result.returncode == 1
    assert str(path) in result.stderr and complaint in result.stderr

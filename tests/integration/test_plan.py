"""`golong plan`: the parts of its sum, and the sum against the memory that an update takes."""
import json

import pytest

N = 8


def shape(**more):
    return dict(
        architectures=["Qwen3ForCausalLM"], model_type="qwen3", vocab_size=4096, hidden_size=256, num_hidden_layers=6,
        num_attention_heads=8, num_key_value_heads=4, head_dim=32, intermediate_size=704, max_position_embeddings=8192,
        rope_theta=1e6, rms_norm_eps=1e-6, tie_word_embeddings=True, attention_bias=False, hidden_act="silu",
        torch_dtype="float32") | more


def plan(golong, folder, model, *settings, arguments=()):
    (folder / "run.toml").write_text("")
    words = [word for setting in (f"model.path={model}", *settings) for word in ("--set", setting)]
    return golong("plan", folder / "run.toml", "--json", *arguments, *words)


@pytest.fixture
def config(tmp_path):
    def write(**more):
        (tmp_path / "config.json").write_text(json.dumps(shape(**more)))
        return tmp_path / "config.json"
    return write


# Shape, dtype, recomputation, tokens of the prompt and of each response, tokens of a micro-batch.
CASES = [
    ({}, "float32", "off", 2048, 128, 16384),
    ({}, "float32", "all", 4096, 64, 16384),
    ({}, "float32", "all", 4096, 256, 4096),  # a group larger than the micro-batch
    (dict(vocab_size=64000, num_hidden_layers=3), "float32", "off", 512, 64, 16384),
    (dict(hidden_size=512, intermediate_size=1408), "bfloat16", "off", 1024, 64, 16384),
]


@pytest.mark.parametrize("more, dtype, recompute, prompt, response, micro", CASES)
def test_it_tells_the_memory_of_an_update(golong, tmp_path, config, more, dtype, recompute, prompt, response, micro):
    file = config(**more)
    planned = plan(golong, tmp_path, file, f"model.dtype={dtype}", f"train.recompute={recompute}", f"rollout.n={N}",
                   f"data.max_prompt_tokens={prompt}", f"rollout.max_response_tokens={response}",
                   f"train.micro_batch_tokens={micro}", "train.prompts_per_step=1")
    assert planned.returncode == 0, planned.stderr
    parts = json.loads(planned.stdout)["bytes"]
    made = golong("make-model", "--config", file, "--output", tmp_path / "model")
    assert made.returncode == 0, made.stderr
    measured = golong("bench", "train", "--model", tmp_path / "model", "--dtype", dtype, "--recompute", recompute, "--n", N,
                      "--prompt-tokens", prompt, "--response-tokens", response, "--micro-batch-tokens", micro,
                      "--repetitions", 1, timeout=600)
    assert measured.returncode == 0, measured.stderr
    peak = json.loads(measured.stdout)["peak_bytes"]
    expected = sum(parts[part] for part in ("gradients", "optimizer", "activations", "logprobs"))
    print(f"measured {peak / 1e6:.0f} MB, planned {expected / 1e6:.0f} MB, {expected / peak - 1:+.1%}", parts)
    assert 0.85 <= expected / peak <= 1.15


def test_the_parts_add_up_and_fit_or_not(golong, tmp_path, config):
    file = config()
    result = plan(golong, tmp_path, file, "train.kl.estimator=k3", "rollout.kv_cache_bytes=1000000")
    found = json.loads(result.stdout)
    assert found["total_bytes"] == sum(found["bytes"].values())
    assert found["bytes"]["reference"] == found["bytes"]["weights"]
    assert found["bytes"]["optimizer"] == 2 * found["bytes"]["weights"]
    assert found["bytes"]["keys_and_values"] == 1000000
    for memory, status in ((found["total_bytes"], 0), (found["total_bytes"] - 1, 3)):
        again = plan(golong, tmp_path, file, "train.kl.estimator=k3", "rollout.kv_cache_bytes=1000000",
                     arguments=("--memory-bytes", memory))
        assert again.returncode == status and json.loads(again.stdout)["fits"] == (status == 0)


def test_recomputation_and_its_budget(golong, tmp_path, config):
    file = config()

    def found(*settings):
        return json.loads(plan(golong, tmp_path, file, *settings).stdout)

    off, every = found(), found("train.recompute=all")
    assert (off["recomputed_layers"], every["recomputed_layers"]) == (0, 6)
    assert every["bytes"]["activations"] < 0.4 * off["bytes"]["activations"]
    half = found("train.recompute=auto", f"train.activation_bytes={off['bytes']['activations'] // 2}")
    assert 0 < half["recomputed_layers"] < 6
    wrong = plan(golong, tmp_path, file, "train.recompute=auto")
    assert wrong.returncode == 1 and "train.activation_bytes" in wrong.stderr
    wrong = plan(golong, tmp_path, file, "train.activation_bytes=1")
    assert wrong.returncode == 1 and "train.recompute" in wrong.stderr


def test_a_model_that_is_not_there(golong, tmp_path):
    (tmp_path / "run.toml").write_text("")
    result = golong("plan", tmp_path / "run.toml")
    assert result.returncode == 1 and "model.path: expected a Hugging Face folder" in result.stderr

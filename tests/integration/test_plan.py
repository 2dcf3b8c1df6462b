"""`golong plan`: the parts of its sum, and the sum against the memory that an update takes, or took on a GPU."""
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


QWEN3_1_7B = dict(
    vocab_size=151936, hidden_size=2048, num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8,
    head_dim=128, intermediate_size=6144, max_position_embeddings=1 << 18)
QWEN3_4B = QWEN3_1_7B | dict(hidden_size=2560, num_hidden_layers=36, num_attention_heads=32, intermediate_size=9728)
ON_A_GPU = ("model.device=cuda", "model.dtype=bfloat16", "train.prompts_per_step=1")


# docs/benchmarks.md, On a GPU: tokens of the prompt and of each of 16 responses, and GB above the weights.
@pytest.mark.parametrize("more, recompute, prompt, response, measured", [
    (QWEN3_1_7B, "off", 8192, 256, 53.6),
    (QWEN3_1_7B, "all", 8192, 256, 32.3),
    (QWEN3_4B, "all", 16384, 256, 76.1),
    (QWEN3_1_7B, "all", 131072, 512, 58.4),
])
def test_it_tells_what_was_measured_on_a_gpu(golong, tmp_path, config, more, recompute, prompt, response, measured):
    planned = plan(golong, tmp_path, config(**more), *ON_A_GPU, f"train.recompute={recompute}",
                   f"data.max_prompt_tokens={prompt}", f"rollout.max_response_tokens={response}",
                   "train.micro_batch_tokens=200000", arguments=("--memory-bytes", 150 * 10**9))
    assert planned.returncode == 0, planned.stderr
    found = json.loads(planned.stdout)
    above = (found["updating_bytes"] - found["bytes"]["weights"]) / 1e9
    print(f"measured {measured} GB, planned {above:.1f} GB, {above / measured - 1:+.1%}", found)
    assert 0.98 <= above / measured <= 1.02


def test_on_a_gpu_generating_and_updating_take_turns(golong, tmp_path, config):
    file, memory = config(**QWEN3_1_7B), ("--memory-bytes", 90 * 10**9)

    def found(*settings):
        return json.loads(plan(golong, tmp_path, file, *ON_A_GPU, *settings, arguments=memory).stdout)

    short = found("data.max_prompt_tokens=1000", "rollout.max_response_tokens=10")
    parts = short["bytes"]
    count = parts["weights"] // 2
    assert parts["keys_and_values"] == 30 * 10**9  # a third
    assert short["generating_bytes"] == count * (2 + 4 + 12) + parts["keys_and_values"]
    assert short["updating_bytes"] == sum(parts.values()) - parts["keys_and_values"]
    assert short["total_bytes"] == short["generating_bytes"] > short["updating_bytes"]
    assert short["host_bytes"] == {"checkpoint": 14 * count}
    long = found("data.max_prompt_tokens=8000", "rollout.max_response_tokens=500")
    assert long["total_bytes"] == long["updating_bytes"] > long["generating_bytes"]

    moved = found("data.max_prompt_tokens=8000", "rollout.max_response_tokens=500", "train.optimizer_device=cpu")
    assert moved["total_bytes"] == long["total_bytes"] - 12 * count
    assert moved["host_bytes"] == {"optimizer": 12 * count, "checkpoint": 14 * count}


def test_a_model_on_the_cpu_has_its_optimizer_there(golong, tmp_path, config):
    file = config()
    plain, moved = (json.loads(plan(golong, tmp_path, file, *setting).stdout)
                    for setting in ((), ("train.optimizer_device=cpu",)))
    assert plain == moved and plain["host_bytes"] == {}
    assert plain["generating_bytes"] == plain["updating_bytes"] == plain["total_bytes"]


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

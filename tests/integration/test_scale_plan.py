"""`golong plan --devices`: the paper's recipes fit, sums add up, mistakes name the key."""
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

DENSE = dict(
    architectures=["Qwen3ForCausalLM"], model_type="qwen3", vocab_size=151936, hidden_size=2560, num_hidden_layers=36,
    num_attention_heads=32, num_key_value_heads=8, head_dim=128, intermediate_size=9728, max_position_embeddings=262144,
    rope_theta=5e6, rms_norm_eps=1e-6, tie_word_embeddings=True, attention_bias=False, hidden_act="silu",
    torch_dtype="bfloat16")
EXPERTS = DENSE | dict(
    architectures=["Qwen3MoeForCausalLM"], model_type="qwen3_moe", hidden_size=2048, num_hidden_layers=48,
    num_key_value_heads=4, intermediate_size=6144, moe_intermediate_size=768, num_experts=128, num_experts_per_tok=8,
    norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[], tie_word_embeddings=False)
RECIPES = {"golongrl-4b": DENSE, "golongrl-30b-a3b": EXPERTS}


@pytest.fixture
def plan(golong, tmp_path):
    def run(recipe, *arguments, settings=()):
        (tmp_path / "config.json").write_text(json.dumps(RECIPES[recipe]))
        words = [word for setting in (f"model.path={tmp_path / 'config.json'}", *settings) for word in ("--set", setting)]
        return golong("plan", f"configs/{recipe}.toml", *words, *arguments, cwd=ROOT)
    return run


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_papers_recipes_fit_128_gpus(plan, recipe):
    result = plan(recipe, "--devices", "8xH100-80GB", "--nodes", 16, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    mesh = found["mesh"]
    assert found["ranks"] == 128 == mesh["replicate"] * mesh["shard"] * mesh["context"] * mesh["expert"]
    assert found["fits"] and found["total_bytes"] == max(found["generating_bytes"], found["updating_bytes"])
    seconds, sent = found["seconds"], found["sent_bytes"]
    parts = ("generate", "score", "forward", "backward", "optimizer", "communication")
    assert seconds["total"] == pytest.approx(sum(seconds[part] for part in parts))
    assert sent["total"] == pytest.approx(sum(sent[part] for part in sent if part != "total"))
    assert (sent["experts"] > 0) == (mesh["expert"] > 1)
    assert found["suggested"]["fits"] and found["suggested"]["seconds"] <= seconds["total"]


def test_tables_say_what_to_do_where_nothing_fits(plan):
    result = plan("golongrl-4b", "--devices", "8xH100-80GB", settings=["train.recompute=off"])
    assert result.returncode == 3, result.stderr
    for text in ("DOES NOT FIT", "shown is the suggested", "none fits", 'It fits with train.recompute = "all"'):
        assert text in result.stdout
    small = plan("golongrl-4b", "--devices", "8xH100-80GB", settings=["rollout.kv_cache_bytes=1000000000"])
    assert small.returncode == 3 and "set rollout.kv_cache_bytes" in small.stdout


def test_usual_lengths_decide_about_seconds_alone(plan):
    def found(*more):
        return json.loads(plan("golongrl-4b", "--devices", "8xH100-80GB", "--json", *more,
                               settings=["parallel.shard=1"]).stdout)

    longest, usual = found(), found("--prompt-tokens", 32768, "--response-tokens", 4096)
    assert usual["updating_bytes"] == longest["updating_bytes"]
    assert usual["seconds"]["total"] < longest["seconds"]["total"] / 4


def test_mistakes_name_the_key(plan):
    def error(*settings, devices="4xH100-80GB"):
        result = plan("golongrl-30b-a3b", "--devices", devices, settings=["parallel.context=1", *settings])
        assert result.returncode == 1
        return result.stderr

    assert "parallel.expert: expected a number that divides the model's 128 experts" in error(
        "parallel.expert=3", "parallel.shard=1", devices="3xH100-80GB")
    assert 'there is no device "H100"' in error(devices="H100")
    result = plan("golongrl-4b", "--devices", "2xH100-80GB", settings=["parallel.context=1", "parallel.shard=1",
                                                                       "parallel.expert=2"])
    assert result.returncode == 1 and "parallel.expert: the model has no experts" in result.stderr


@pytest.fixture(scope="module")
def two_ranks(golong, tmp_path_factory):
    """What this machine measures as two ranks, and a model whose table of tokens is most of it."""
    folder = tmp_path_factory.mktemp("ranks")
    shape = DENSE | dict(vocab_size=64000, hidden_size=256, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4,
                         head_dim=32, intermediate_size=704, max_position_embeddings=4096, tie_word_embeddings=False,
                         torch_dtype="float32")
    (folder / "config.json").write_text(json.dumps(shape))
    assert golong("make-model", "--config", folder / "config.json", "--output", folder / "model").returncode == 0
    device = golong("launch", "--nproc", 2, "bench", "device", "--threads", 1)
    assert device.returncode == 0, device.stderr
    (folder / "device.json").write_text(device.stdout)
    (folder / "run.toml").write_text("")
    return folder


@pytest.mark.parametrize("mesh", [dict(shard=2, zero=1), dict(shard=2, zero=2), dict(shard=2), dict(context=2)],
                         ids=str)
def test_it_tells_the_memory_of_a_rank(golong, two_ranks, mesh):
    prompt, response, n, groups, micro = 512, 64, 4, 4, 1024
    words = [word for name, value in mesh.items() for word in ("--set", f"parallel.{name}={value}")]
    planned = golong("plan", two_ranks / "run.toml", "--devices", f"2x{two_ranks / 'device.json'}", "--json",
                     "--set", f"model.path={two_ranks / 'model'}", "--set", f"data.max_prompt_tokens={prompt}",
                     "--set", f"rollout.max_response_tokens={response}", "--set", f"rollout.n={n}",
                     "--set", f"train.prompts_per_step={groups}", "--set", f"train.micro_batch_tokens={micro}", *words)
    assert planned.returncode == 0, planned.stderr
    options = [word for name, value in mesh.items() for word in (f"--{name}", value)]
    measured = golong("launch", "--nproc", 2, "bench", "train", "--model", two_ranks / "model", "--threads", 1,
                      "--prompt-tokens", prompt, "--response-tokens", response, "--n", n, "--groups", groups,
                      "--micro-batch-tokens", micro, "--repetitions", 1, *options)
    assert measured.returncode == 0, measured.stderr
    # It counts from where each rank has read all weights.
    weights = (two_ranks / "model/model.safetensors").stat().st_size
    peak = json.loads(measured.stdout)["peak_bytes"] + weights
    expected = json.loads(planned.stdout)["updating_bytes"]
    print(f"measured {peak / 1e6:.0f} MB, planned {expected / 1e6:.0f} MB, {expected / peak - 1:+.1%}")
    assert 0.85 <= expected / peak <= 1.15

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


SMALL = DENSE | dict(vocab_size=4096, hidden_size=256, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4,
                     head_dim=32, intermediate_size=704, max_position_embeddings=4096, tie_word_embeddings=False,
                     torch_dtype="float32")
MEASURED = {
    "small": SMALL,
    "table": SMALL | dict(vocab_size=64000),  # most of it is its table of tokens
    "experts": {name: SMALL.get(name, value) for name, value in EXPERTS.items()} | dict(
        architectures=["Qwen3MoeForCausalLM"], model_type="qwen3_moe", moe_intermediate_size=192, num_experts=16,
        num_experts_per_tok=4),
    "tiny": SMALL | dict(vocab_size=256, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, head_dim=8,
                         intermediate_size=32),
}


class Ranks:
    """What ranks on this machine take for an update, and what is planned for them."""

    def __init__(self, golong, folder):
        self.golong, self.folder = golong, folder
        for name, shape in MEASURED.items():
            (folder / name).mkdir()
            (folder / name / "config.json").write_text(json.dumps(shape))
        device = golong("launch", "--nproc", 2, "bench", "device", "--threads", 1)
        assert device.returncode == 0, device.stderr
        (folder / "device.json").write_text(device.stdout)
        (folder / "run.toml").write_text("")
        # The program itself: LibTorch's code, threads, connections.
        self.program = self.measured("tiny", 2, dict(replicate=2), "off", 64)

    def measured(self, model, ranks, mesh, recompute, prompt, program=0):
        options = [word for name, value in mesh.items() for word in (f"--{name.replace('_', '-')}", value)]
        result = self.golong("launch", "--nproc", ranks, "bench", "train", "--model", self.folder / model, "--threads", 1,
                             "--prompt-tokens", prompt, "--response-tokens", 64, "--n", 4, "--groups", 4, "--repetitions", 1,
                             "--micro-batch-tokens", 2 * prompt, "--recompute", recompute, *options)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)["total_bytes"] - program

    def planned(self, model, ranks, mesh, recompute, prompt):
        settings = {"model.path": self.folder / model / "config.json", "data.max_prompt_tokens": prompt,
                    "rollout.max_response_tokens": 64, "rollout.n": 4, "train.prompts_per_step": 4,
                    "train.micro_batch_tokens": 2 * prompt, "train.recompute": recompute}
        settings |= {f"parallel.{name}": value for name, value in mesh.items()}
        words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        result = self.golong("plan", self.folder / "run.toml", "--devices", f"{ranks}x{self.folder / 'device.json'}", "--json",
                             *words)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)["updating_bytes"]


@pytest.fixture(scope="module")
def ranks(golong, tmp_path_factory):
    return Ranks(golong, tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("case", [
    ("table", 2, dict(shard=2, zero=1), "off", 512),
    ("table", 2, dict(shard=2, zero=2), "off", 512),
    ("table", 2, dict(shard=2), "off", 512),
    ("table", 2, dict(replicate=2), "off", 512),
    ("table", 2, dict(context=2), "off", 512),
    ("small", 2, dict(context=2), "all", 2048),
    ("small", 2, dict(context=2, context_method="heads"), "all", 2048),
    ("small", 4, dict(shard=2, context=2), "off", 2048),
    ("experts", 2, dict(expert=2), "off", 512),
    ("experts", 4, dict(expert=2, context=2), "all", 2048),
], ids=str)
def test_it_tells_the_memory_of_a_rank(ranks, case):
    measured, planned = ranks.measured(*case, program=ranks.program), ranks.planned(*case)
    print(f"measured {measured / 1e6:.0f} MB, planned {planned / 1e6:.0f} MB, {planned / measured - 1:+.1%}")
    assert 0.85 <= planned / measured <= 1.15

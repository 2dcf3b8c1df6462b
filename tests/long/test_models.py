"""Small random models of every family against transformers, every option of their configs switched: log-probabilities
and gradients in float32, log-probabilities in bfloat16; and transformers opens what golong saves.

GOLONG_MODELS=N tests N models instead.
"""
import copy
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from tests.expert_gradients import by_expert

COUNT = int(os.environ.get("GOLONG_MODELS", 200))


def rope(rng, positions):
    theta = rng.choice([100.0, 500.0, 10000.0, 1000000.0])
    kind = rng.choice(["default", "default", "linear", "yarn", "yarn", "llama3"])
    made = {"rope_type": kind, "rope_theta": theta}
    if kind == "default":
        return made
    made["factor"] = rng.choice([1.5, 2.0, 4.0, 8.0])
    if kind != "linear":
        made["original_max_position_embeddings"] = rng.choice([16, 64, positions])
    if kind == "llama3":
        made |= {"low_freq_factor": rng.choice([1.0, 2.0]), "high_freq_factor": rng.choice([4.0, 8.0])}
    if kind == "yarn":
        made |= rng.choice([{}, {"attention_factor": 1.25}, {"mscale": 1.0, "mscale_all_dim": 0.5}, {"beta_fast": 16.0},
                            {"beta_slow": 2.0}, {"truncate": False}])
    return made


def random_config(rng):
    family = rng.choice(["Llama", "Qwen3", "Qwen3Moe"])
    kv_heads = rng.choice([1, 2, 3])
    heads = kv_heads * rng.choice([1, 2, 3])
    positions = rng.choice([700, 1024])
    options = dict(
        vocab_size=rng.randint(20, 90), hidden_size=2 * heads * rng.randint(2, 6), num_hidden_layers=rng.randint(1, 4),
        num_attention_heads=heads, num_key_value_heads=kv_heads, head_dim=2 * rng.randint(2, 9),
        intermediate_size=rng.randint(5, 50), max_position_embeddings=positions, rope_parameters=rope(rng, positions),
        rms_norm_eps=rng.choice([1e-6, 1e-5, 1e-3]), tie_word_embeddings=rng.random() < 0.5,
        attention_bias=rng.random() < 0.5)
    if family == "Llama":
        options["mlp_bias"] = rng.random() < 0.5
    if family == "Qwen3Moe":
        experts = rng.randint(2, 9)
        options |= dict(num_experts=experts, num_experts_per_tok=rng.randint(1, min(4, experts)),
                        moe_intermediate_size=rng.randint(3, 20), norm_topk_prob=rng.random() < 0.5,
                        decoder_sparse_step=rng.choice([1, 1, 2]), mlp_only_layers=rng.choice([[], [], [0], [1, 2]]))
    return family, options


def make(rng, folder):
    family, options = random_config(rng)
    config = getattr(transformers, f"{family}Config")(**options)
    config._attn_implementation = config._experts_implementation = "eager"
    model = getattr(transformers, f"{family}ForCausalLM")(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():  # far from uniform, and norms and biases that matter
            parameter.add_(torch.randn_like(parameter) * rng.choice([0.1, 0.3]))
    model.save_pretrained(folder)
    path = folder / "config.json"
    saved = json.loads(path.read_text())
    if rng.random() < 0.5:  # as transformers 4 writes it
        ropes = saved.pop("rope_parameters")
        saved["rope_theta"] = ropes.pop("rope_theta")
        kind = ropes["rope_type"]
        if rng.random() < 0.5:
            ropes["type"] = ropes.pop("rope_type")
        saved["rope_scaling"] = None if kind == "default" else ropes
        saved["torch_dtype"] = saved.pop("dtype")
        if "num_local_experts" in saved:
            saved["num_experts"] = saved.pop("num_local_experts")
        path.write_text(json.dumps(saved))
    return model, {"family": family, **options}


def probe(golong, *words):
    result = subprocess.run([Path(golong.program).parent / "model_probe", *map(str, words)], capture_output=True, text=True,
                            timeout=120)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def random_ids(rng, vocabulary, length):
    return [rng.randrange(vocabulary) for _ in range(length)]


def response_logprobs(model, prompt, response):
    """What transformers gives the tokens of one response, alone behind its prompt: [tokens], with gradient."""
    ids = torch.tensor([prompt + response])
    logprobs = model(ids).logits[0, :-1].float().log_softmax(-1)
    return logprobs.gather(1, ids[0, 1:, None])[:, 0][len(prompt) - 1:]


def golong_logprobs(golong, folder, rows, *arguments):
    """The same from golong, of all rows one after the other."""
    lines = (json.dumps({"id": 0, "prompt_ids": prompt, "response_ids": response}) + "\n" for prompt, response in rows)
    (folder / "in.jsonl").write_text("".join(lines))
    result = golong("logprobs", "--model", folder, "--input", folder / "in.jsonl", "--output", folder / "out.jsonl",
                    *arguments)
    assert result.returncode == 0, result.stderr
    lines = (folder / "out.jsonl").read_text().splitlines()
    return torch.cat([torch.tensor(json.loads(line)["logprobs"]) for line in lines])


def check_logprobs(golong, folder, rng, model, vocabulary):
    """float32 as it is; in bfloat16 golong may be twice as far from float32 as transformers is."""
    rows = []
    for length in (rng.choice([2, 3, 17]), rng.choice([40, 130]), rng.choice([131, 600])):
        ids = random_ids(rng, vocabulary, length)
        prompt = rng.randint(1, length - 1)
        rows.append((ids[:prompt], ids[prompt:]))
    with torch.no_grad():
        exact = torch.cat([response_logprobs(model, *row) for row in rows])
        low = copy.deepcopy(model).bfloat16()
        theirs = torch.cat([response_logprobs(low, *row) for row in rows]) - exact
    got = golong_logprobs(golong, folder, rows)
    worst = ((got - exact).abs() / (1 + exact.abs())).max().item()
    assert worst < 1e-4, worst
    ours = golong_logprobs(golong, folder, rows, "--dtype", "bfloat16") - exact
    assert ours.square().mean().sqrt() < 2 * theirs.square().mean().sqrt() + 0.02, (ours, theirs)


def check_gradients(golong, folder, rng, model, vocabulary):
    """Of the sum of all log-probabilities of a group's responses: golong runs the prompt once, transformers each response
    behind a prompt of its own."""
    prompt = random_ids(rng, vocabulary, rng.choice([1, 7, 40, 300]))
    responses = [random_ids(rng, vocabulary, rng.choice([0, 1, 2, 17, 150])) for _ in range(rng.randint(0, 3))]
    responses.append(random_ids(rng, vocabulary, rng.choice([1, 5, 150])))
    (folder / "group.json").write_text(json.dumps({"prompt": prompt, "responses": responses}))
    probe(golong, "gradients", folder, folder / "group.json", folder / "gradients.safetensors")
    got = load_file(folder / "gradients.safetensors")
    logprobs = torch.cat([response_logprobs(model, prompt, response) for response in responses if response])
    logprobs.sum().backward()
    worst = ((got.pop("logprobs") - logprobs).abs() / (1 + logprobs.abs())).max().item()
    assert worst < 1e-4, worst
    expected = dict(part for parameter in model.named_parameters() for part in by_expert(*parameter))
    assert got.keys() == {f"grad.{name}" for name in expected}
    total = torch.stack([gradient.norm() for gradient in expected.values()]).norm()
    for name, gradient in expected.items():
        norm, distance = gradient.norm(), (got[f"grad.{name}"] - gradient).norm()
        # Some are 0 but for rounding: of a router that chooses one expert, of queries that see one key.
        bound = 1e-4 * norm if norm > 1e-5 * total else 1e-6 * total
        assert distance <= bound, (name, len(prompt), [len(r) for r in responses], distance / norm, norm / total)


def test_random_models_are_those_of_transformers(golong, tmp_path):
    kinds = set()
    for seed in range(COUNT):
        rng = random.Random(seed)
        torch.manual_seed(seed)
        folder = tmp_path / str(seed)
        model, options = make(rng, folder)
        kinds.add((options["family"], options["rope_parameters"]["rope_type"]))
        try:
            check_logprobs(golong, folder, rng, model, options["vocab_size"])
            check_gradients(golong, folder, rng, model, options["vocab_size"])
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {options}") from error
        shutil.rmtree(folder)
    if COUNT >= 200:
        assert len(kinds) == 12, kinds


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_transformers_opens_what_golong_saves_in_shards(golong, tmp_path, dtype):
    families = set()
    for seed in range(8):
        rng = random.Random(seed)
        torch.manual_seed(seed)
        folder, saved = tmp_path / str(seed), tmp_path / f"{seed}-saved"
        model, options = make(rng, folder)
        families.add(options["family"])
        probe(golong, "save", folder, "float32", saved, dtype, 4_000)
        assert len(list(saved.glob("model-*-of-*.safetensors"))) > 1
        again = getattr(transformers, f"{options['family']}ForCausalLM").from_pretrained(saved)
        assert again.dtype == getattr(torch, dtype)
        parameters = dict(again.named_parameters())
        for name, parameter in model.named_parameters():
            assert torch.equal(parameters[name], parameter.to(again.dtype)), (seed, name)
    assert len(families) == 3

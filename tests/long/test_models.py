"""Log-probabilities of small random models of every family against transformers, every option of their configs switched.

GOLONG_MODELS=N tests N models instead.
"""
import json
import os
import random

import pytest
import torch
import transformers

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


def test_random_models_are_those_of_transformers(golong, tmp_path):
    families = set()
    for seed in range(COUNT):
        rng = random.Random(seed)
        torch.manual_seed(seed)
        folder = tmp_path / str(seed)
        model, options = make(rng, folder)
        families.add((options["family"], options["rope_parameters"]["rope_type"]))
        rows = []
        for length in (rng.choice([2, 3, 17]), rng.choice([40, 130]), rng.choice([131, 600])):
            ids = [rng.randrange(options["vocab_size"]) for _ in range(length)]
            prompt = rng.randint(1, length - 1)
            rows.append({"id": length, "prompt_ids": ids[:prompt], "response_ids": ids[prompt:]})
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        result = golong("logprobs", "--model", folder, "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl")
        assert result.returncode == 0, (options, result.stderr)
        for row, line in zip(rows, (tmp_path / "out.jsonl").read_text().splitlines(), strict=True):
            ids = torch.tensor([row["prompt_ids"] + row["response_ids"]])
            with torch.no_grad():
                logits = model(ids).logits[0, :-1].double()
            expected = logits.log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0][len(row["prompt_ids"]) - 1:]
            got = torch.tensor(json.loads(line)["logprobs"], dtype=torch.double)
            worst = ((got - expected).abs() / (1 + expected.abs())).max().item()
            assert worst < 1e-4, (seed, options, len(ids[0]), worst)
    if COUNT >= 200:
        assert len(families) == 12, families

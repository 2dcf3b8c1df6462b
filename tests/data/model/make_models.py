"""Makes the small models of this folder with transformers, and the logits and gradients that it computes with them.

    .venv/bin/python tests/data/model/make_models.py [NAME...]

Each folder holds a model as transformers saves it and reference.safetensors: input_ids, logits, and the gradient of the
mean negative log-likelihood for each parameter (grad.NAME).
"""
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM, Qwen3MoeConfig,
                          Qwen3MoeForCausalLM)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))
from tests.expert_gradients import by_expert  # noqa: E402

BASE = dict(vocab_size=37, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
            intermediate_size=40, max_position_embeddings=64, rms_norm_eps=1e-6, attention_dropout=0.0)

MODELS = {
    # As transformers 4 wrote config.json: rope_theta and torch_dtype at the top.
    "tied": dict(tie_word_embeddings=True, rope_theta=10000.0, eos_token_id=3, old=True),
    # As transformers 5 writes it: rope_parameters and dtype.
    "untied": dict(tie_word_embeddings=False, rope_theta=1000000.0, attention_bias=True, eos_token_id=[5, 6],
                   rms_norm_eps=1e-3),
    # head_dim is not hidden / heads, one key-value head, three shards.
    "sharded": dict(tie_word_embeddings=False, rope_theta=500.0, hidden_size=20, num_attention_heads=3,
                    num_key_value_heads=1, head_dim=10, vocab_size=29, intermediate_size=27, eos_token_id=None,
                    shard="12KB"),
    # As Qwen3's model cards write YaRN; transformers 4 has the type and the rest in rope_scaling.
    "yarn": dict(rope_theta=10000.0, rope=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16),
                 old=True),
    "llama3": dict(family=(LlamaConfig, LlamaForCausalLM), rope_theta=500.0, attention_bias=True, mlp_bias=True,
                   num_key_value_heads=4, head_dim=6, rope=dict(
                       rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                       original_max_position_embeddings=32)),
    "experts": dict(family=(Qwen3MoeConfig, Qwen3MoeForCausalLM), rope_theta=10000.0, num_hidden_layers=4, num_experts=6,
                    num_experts_per_tok=2, moe_intermediate_size=10, norm_topk_prob=True, decoder_sparse_step=2,
                    mlp_only_layers=[3], intermediate_size=14),
    "experts_plain": dict(family=(Qwen3MoeConfig, Qwen3MoeForCausalLM), rope_theta=10000.0, num_hidden_layers=1,
                          num_experts=5, num_experts_per_tok=3, moe_intermediate_size=7, norm_topk_prob=False, old=True),
}


def make(name, old=False, shard=None, rope_theta=None, rope=None, family=(Qwen3Config, Qwen3ForCausalLM), **changes):
    torch.manual_seed(sum(map(ord, name)))
    rope = {"rope_type": "default", **(rope or {}), "rope_theta": rope_theta}
    config = family[0](**{**BASE, **changes}, rope_parameters=rope)
    config._attn_implementation = config._experts_implementation = "eager"
    model = family[1](config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():  # norms and biases away from 1 and 0, so that each of them matters
            parameter.add_(torch.randn_like(parameter) * 0.1)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    if old:
        path = folder / "config.json"
        saved = json.loads(path.read_text())
        rope = saved.pop("rope_parameters")
        saved["rope_theta"] = rope.pop("rope_theta")
        saved["rope_scaling"] = None if rope["rope_type"] == "default" else rope
        saved["torch_dtype"] = saved.pop("dtype")
        path.write_text(json.dumps(saved, indent=2) + "\n")
    if name == "sharded":
        (folder / "generation_config.json").write_text('{"eos_token_id": [7, 8]}\n')
    ids = torch.randint(0, config.vocab_size, (1, 19))
    logits = model(ids).logits
    loss = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:])
    loss.backward()
    gradients = {f"grad.{key}": value.contiguous() for parameter in model.named_parameters()
                 for key, value in by_expert(*parameter)}
    save_file({"input_ids": ids[0], "logits": logits[0].detach().contiguous(), **gradients},
              folder / "reference.safetensors")


for name in sys.argv[1:] or MODELS:
    make(name, **MODELS[name])

"""Generating n responses to one long prompt: `golong bench rollout` beside transformers' generate(), same weights."""
import json
import os
import subprocess
import tempfile
from pathlib import Path

from measure import ROOT, show

# hidden, layers, vocabulary, head_dim, intermediate, tied; prompt tokens, new tokens, aim
CASES = [
    (256, 6, 4096, 32, 704, False, 2048, 128, 8),
    (512, 8, 32000, 64, 1408, False, 2048, 128, 8),
    (256, 4, 151936, 32, 704, True, 512, 128, 3),
    (256, 6, 4096, 32, 704, False, 8192, 64, 20),
]
N = 16
# What keeps glibc from giving large blocks back to the kernel, and faulting them in again.
TUNED = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_TOP_PAD_": str(64 << 20)}


def make_model(golong, folder, hidden, layers, vocabulary, head_dim, intermediate, tied):
    config = dict(
        architectures=["Qwen3ForCausalLM"], model_type="qwen3", vocab_size=vocabulary, hidden_size=hidden,
        num_hidden_layers=layers, num_attention_heads=8, num_key_value_heads=4, head_dim=head_dim,
        intermediate_size=intermediate, max_position_embeddings=40960, rope_theta=1e6, rms_norm_eps=1e-6,
        tie_word_embeddings=tied, attention_bias=False, hidden_act="silu", torch_dtype="float32", eos_token_id=0)
    (folder / "config.json").write_text(json.dumps(config))
    subprocess.run([golong, "make-model", "--config", folder / "config.json", "--output", folder / "model"], check=True,
                   stdout=subprocess.DEVNULL)
    return folder / "model"


def run(golong):
    for hidden, layers, vocabulary, head_dim, intermediate, tied, prompt, new, aim in CASES:
        with tempfile.TemporaryDirectory() as folder:
            model = make_model(golong, Path(folder), hidden, layers, vocabulary, head_dim, intermediate, tied)
            sizes = ["--prompt-tokens", str(prompt), "--n", str(N), "--new-tokens", str(new)]
            ours = json.loads(subprocess.run([golong, "bench", "rollout", "--model", model, *sizes], check=True,
                                             capture_output=True, text=True).stdout)
            theirs = subprocess.run(
                [ROOT / ".venv/bin/python", ROOT / "tools/bench/transformers_generate.py", model, *sizes], check=True,
                capture_output=True, text=True, env=os.environ | TUNED)
            theirs = json.loads(theirs.stdout)
        rate, other = ours["new_tokens_per_s"], theirs["new_tokens_per_s"]
        show(f"generate: hidden {hidden}, {layers} layers, vocabulary {vocabulary}, P {prompt}, R {new}",
             f"{rate:.0f} tok/s", "transformers", f"{other:.0f} tok/s", rate / other, aim)
        print(f"    first token {ours['time_to_first_token_s']:.2f} s, prefill {ours['prefill_tokens_per_s']:.0f} tok/s, "
              f"decode {ours['decode_tokens_per_s']:.0f} tok/s: {ours['decode_bandwidth_share']:.0%} of "
              f"{ours['memory_bandwidth_bytes_per_s'] / 1e9:.0f} GB/s and {ours['decode_matmul_share']:.0%} of "
              f"{ours['matmul_flops_per_s'] / 1e9:.0f} GFLOP/s; keys and values {ours['kv_bytes'] / 1e6:.0f} MB "
              f"(formula {ours['kv_formula_bytes'] / 1e6:.0f}), memory above the weights {ours['peak_bytes'] / 1e6:.0f} MB, "
              f"transformers {theirs['peak_bytes'] / 1e6:.0f} MB", flush=True)

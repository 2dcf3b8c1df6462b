"""Generating n responses to one long prompt: `golong bench rollout` beside transformers' generate(), same weights."""
import json
import tempfile
from pathlib import Path

from measure import show
from models import N, SHAPES, TUNED, describe, make_model, output_of, python

AIMS = (8, 8, 3, 20)


def run(golong):
    for (*shape, prompt, new), aim in zip(SHAPES, AIMS, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            model = make_model(golong, Path(folder), *shape)
            sizes = ["--prompt-tokens", str(prompt), "--n", str(N), "--new-tokens", str(new)]
            ours = json.loads(output_of([golong, "bench", "rollout", "--model", model, *sizes]))
            theirs = json.loads(python("transformers_generate.py", model, *sizes, **TUNED))
        rate, other = ours["new_tokens_per_s"], theirs["new_tokens_per_s"]
        show(f"generate: {describe(*shape[:3], prompt, new)}", f"{rate:.0f} tok/s", "transformers", f"{other:.0f} tok/s",
             rate / other, aim)
        print(f"    first token {ours['time_to_first_token_s']:.2f} s, prefill {ours['prefill_tokens_per_s']:.0f} tok/s, "
              f"decode {ours['decode_tokens_per_s']:.0f} tok/s: {ours['decode_bandwidth_share']:.0%} of "
              f"{ours['memory_bandwidth_bytes_per_s'] / 1e9:.0f} GB/s and {ours['decode_matmul_share']:.0%} of "
              f"{ours['matmul_flops_per_s'] / 1e9:.0f} GFLOP/s; keys and values {ours['kv_bytes'] / 1e6:.0f} MB "
              f"(formula {ours['kv_formula_bytes'] / 1e6:.0f}), memory above the weights {ours['peak_bytes'] / 1e6:.0f} MB, "
              f"transformers {theirs['peak_bytes'] / 1e6:.0f} MB", flush=True)

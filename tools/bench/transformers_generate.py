"""transformers' generate() on one prompt of random tokens, n responses of R tokens each; prints JSON."""
import argparse
import json
import resource
import time

import torch
import transformers


def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()


parser = argparse.ArgumentParser()
parser.add_argument("model")
for name in ("--prompt-tokens", "--n", "--new-tokens"):
    parser.add_argument(name, type=int, required=True)
options = parser.parse_args()
model = transformers.AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
prompt = torch.randint(2, model.config.vocab_size, (1, options.prompt_tokens), generator=torch.Generator().manual_seed(0))
before = resident()
best = None
for _ in range(2):  # the first run warms up
    start = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=True, top_k=0, top_p=1.0,
                             num_return_sequences=options.n, min_new_tokens=options.new_tokens,
                             max_new_tokens=options.new_tokens, pad_token_id=0)
    seconds = time.perf_counter() - start
    assert out.shape == (options.n, options.prompt_tokens + options.new_tokens)
    best = min(seconds, best or seconds)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": best, "new_tokens_per_s": options.n * options.new_tokens / best,
                  "peak_bytes": max(0, peak - before)}))

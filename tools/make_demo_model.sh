#!/usr/bin/env bash
# Makes configs/demo/model again: a tokenizer of 2,048 tokens and a small Qwen3, both from the demo's training documents,
# warm-started on gold answers. Takes about ten minutes on two cores. Needs the rows of tools/make_demo_data.sh.
#   tools/make_demo_model.sh [golong] [--set sft.steps=...]
set -euo pipefail
cd "$(dirname "$0")/.."
golong=${1:-build/bin/golong}
shift || true
rows=.cache/demo/sft.jsonl fresh=.cache/demo/fresh
[ -e "$rows" ] || { echo "$rows is missing: run tools/make_demo_data.sh first" >&2; exit 1; }
.venv/bin/python tools/train_tokenizer.py --input "$rows" --vocabulary 2048 --max-length 2048 --output "$fresh"
cp configs/demo/model/config.json "$fresh/config.json"
"$golong" sft configs/demo.toml --set model.path="$fresh" --set "data.train=[\"$rows\"]" --output configs/demo/model --dtype bfloat16 "$@"

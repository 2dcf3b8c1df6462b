#!/usr/bin/env bash
# The demo: GRPO with TMN-Reweight on nine tasks over real documents, on a seed taken from the clock (SEED=7 make demo
# takes that one). The run before is kept as runs/demo.previous.
set -euo pipefail
cd "$(dirname "$0")/.."
golong=${1:-build/bin/golong}
config=${CONFIG:-configs/demo.toml}
seed=${SEED:-$(date +%s)}
if [ -e runs/demo ]; then
  rm -rf runs/demo.previous
  mv runs/demo runs/demo.previous
fi
echo "demo: seed $seed (SEED=$seed make demo repeats it)"
"$golong" train "$config" --set run.directory=runs/demo --set train.seed="$seed"
echo "demo: open runs/demo/report.html in a browser"

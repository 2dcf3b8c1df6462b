#!/usr/bin/env bash
# Speed, side by side with what one would use instead, in one run: each line is a ratio measured on this machine now.
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv/bin/python tools/bench.py "${1:-build/bin/golong}"

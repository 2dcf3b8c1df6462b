#!/usr/bin/env bash
# Speed, side by side with what one would use instead, in one run: each line is a ratio measured on this machine now.
# The packages that golong is compared with live in a .venv of their own (BENCH_VENV); TRL, which runs on the PyTorch of
# .venv, in a folder beside it (.venv-trl).
#   tools/bench.sh [golong [topic...]]
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${BENCH_VENV:-.venv-bench}
stamp=$venv/.golong-$(sha256sum requirements-bench.txt | cut -c1-16)
if [ ! -e "$stamp" ]; then
  echo "bench: installing Python packages into $venv (requirements-bench.txt)"
  [ -x "$venv/bin/python" ] || /usr/bin/python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
  touch "$stamp"
fi
golong=${1:-build/bin/golong}
if [ $# -lt 2 ] || [[ " ${*:2} " == *" train "* ]]; then
  stamp=.venv-trl/.golong-$(sha256sum requirements-bench-trl.txt | cut -c1-16)
  if [ ! -e "$stamp" ]; then
    echo "bench: installing Python packages into .venv-trl (requirements-bench-trl.txt)"
    rm -rf .venv-trl
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target .venv-trl \
      -r requirements-bench-trl.txt
    touch "$stamp"
  fi
fi
exec "$venv/bin/python" tools/bench "$golong" "${@:2}"

#!/usr/bin/env bash
# Formatting, floors, clang-tidy. Without arguments clang-tidy reads the torch-free code; --engine: what needs LibTorch.
# A file that passed is not read again until it, a header or the checks change.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}

engine='^(core/(nn|model|rollout|checkpoint|eval|train)/|tests/)'
if [ "${1:-}" = --engine ]; then
  files=$(git ls-files 'core/**.cpp' | grep -E "$engine" || true)
else
  git ls-files '*.h' '*.hpp' '*.cpp' '*.c' | xargs clang-format-14 --dry-run --Werror
  .venv/bin/python tools/check_floors.py
  files=$(git ls-files 'core/**.cpp' 'plugins/**.cpp' | grep -vE "$engine|^core/python/" || true)
fi

cache=.cache/lint
mkdir -p $cache
headers=$(git ls-files '*.h' '*.hpp' .clang-tidy | xargs cat | sha256sum | cut -c1-16)
export cache headers build
check() {
  stamp=$cache/$(cat "$1" <(echo "$headers $1") | sha256sum | cut -c1-32)
  [ -e "$stamp" ] && return 0
  output=$(clang-tidy-14 -p "$build" --quiet "$1" 2>/dev/null) || { echo "$output"; return 1; }
  touch "$stamp"
}
export -f check
echo "$files" | xargs -r -P "${JOBS:-$(nproc)}" -I{} bash -c 'check {}'
echo "lint: ok"

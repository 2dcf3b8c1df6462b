#!/usr/bin/env bash
# Formatting, floors, clang-tidy. Without arguments clang-tidy reads the torch-free code; --engine: what needs LibTorch.
# A file that passed is not read again until it, a header that it includes, or the checks change, in whatever clone.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${LINT_BUILD:-build-lint}

# Only configured, for the compile commands: clang-tidy cannot read GCC's precompiled headers, and has no omp.h.
.venv/bin/cmake -G Ninja -S . -B "$build" -DCMAKE_MAKE_PROGRAM="$PWD/.venv/bin/ninja" --log-level=WARNING \
  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null

engine='^(core/(parallel|nn|cuda|model|rollout|checkpoint|eval|train)/|tests/)'
if [ "${1:-}" = --engine ]; then
  files=$(git ls-files 'core/**.cpp' | grep -E "$engine" || true)
else
  git ls-files '*.h' '*.hpp' '*.cpp' '*.c' | xargs clang-format-14 --dry-run --Werror
  .venv/bin/python tools/check_floors.py
  files=$(git ls-files 'core/**.cpp' 'plugins/**.cpp' | grep -vE "$engine|^core/python/" || true)
fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/golong/lint
mkdir -p "$cache"
export cache build
check() {  # hash file
  [ -e "$cache/$1" ] && return 0
  output=$(clang-tidy-14 -p "$build" --quiet --extra-arg=-fno-openmp "$2" 2>/dev/null) || { echo "$output"; return 1; }
  touch "$cache/$1"
}
export -f check
echo "$files" | xargs -r .venv/bin/python tools/include_hashes.py --extra .clang-tidy |
  xargs -r -P "${JOBS:-$(nproc)}" -L 1 bash -c 'check "$@"' check
echo "lint: ok"

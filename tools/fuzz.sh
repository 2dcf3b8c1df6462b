#!/usr/bin/env bash
# Builds the libFuzzer targets of tests/fuzz with clang, AddressSanitizer and UndefinedBehaviorSanitizer, and runs each
# for FUZZ_SECONDS (default 300), from the seeds in tests/fuzz/corpus and what earlier runs found (build-fuzz/corpus).
#   tools/fuzz.sh [TARGET...]
#   tools/fuzz.sh --build     only builds them all
set -euo pipefail
cd "$(dirname "$0")/.."
build=${FUZZ_BUILD:-build-fuzz}
seconds=${FUZZ_SECONDS:-300}
build_only=0
[ "${1:-}" != --build ] || { build_only=1; shift; }
targets=("$@")
[ $# -gt 0 ] || for file in tests/fuzz/*.cpp; do targets+=("$(basename "$file" .cpp)"); done

.venv/bin/cmake -G Ninja -S . -B "$build" -DCMAKE_MAKE_PROGRAM="$PWD/.venv/bin/ninja" --log-level=WARNING \
  -DCMAKE_C_COMPILER=clang-14 -DCMAKE_CXX_COMPILER=clang++-14 -DGOLONG_FUZZ=ON -DGOLONG_SANITIZE=ON \
  -DGOLONG_ENGINE=OFF -DGOLONG_PYTHON_MODULE=OFF -DGOLONG_TESTS=OFF >/dev/null
.venv/bin/ninja -C "$build" -j "${JOBS:-$(nproc)}" --quiet "${targets[@]/#/fuzz_}"
[ "$build_only" = 0 ] || exit 0

# The JSON and LaTeX readers may use what a scoring thread has (8 MiB, and frames are larger under sanitizers).
ulimit -s 65536 2>/dev/null || true
failed=0
for target in "${targets[@]}"; do
  found=$build/findings/$target
  mkdir -p "$build/corpus/$target" "$found"
  log=$found/log.txt
  if "$build/bin/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
      -artifact_prefix="$found/" "$build/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
    echo "fuzz: $target: ok, $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
  else
    failed=1
    input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    printf 'fuzz: %s FAILED\n%s\n  input:     %s\n  log:       %s\n  reproduce: %s\n' "$target" \
      "$(grep -a -m 3 -E 'ERROR|runtime error|does not hold' "$log" || true)" "${input:-(none)}" "$log" \
      "$build/bin/fuzz_$target ${input:-}"
  fi
done
exit $failed

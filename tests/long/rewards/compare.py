"""Compares `golong score` with the published functions on generated rows, and prints where they differ:

    python tests/long/rewards/compare.py --kind math --count 5000 --seed 7
"""
import argparse
import collections
import json
import multiprocessing
import os
import random
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GOLONG = os.environ.get("GOLONG", str(ROOT / "build" / "bin" / "golong"))


def golong_scores(rows, mode="released"):
    """One {score, outcome, detail} for each row."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "rows.jsonl"), Path(folder, "scores.jsonl")
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        result = subprocess.run([GOLONG, "score", "--input", source, "--output", target, "--set", f"rewards.mode={mode}"],
                                capture_output=True, text=True)
        assert result.returncode in (0, 3), result.stderr
        return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


def expected_score(row):
    """The published score; None where the published code raises."""
    import published
    try:
        return published.score(row)
    except (published.Raises, KeyError, TypeError, AttributeError):
        return None


def expected_scores(rows):
    # Processes, not threads: math-verify's timeouts need the main thread.
    with multiprocessing.Pool(min(4, os.cpu_count() or 1)) as pool:
        return pool.map(expected_score, rows, chunksize=16)


def differences(rows, mode="released"):
    """(row, published score, golong's line) where they differ by more than 1e-6 or one of them is no number."""
    found = []
    for row, want, got in zip(rows, expected_scores(rows), golong_scores(rows, mode), strict=True):
        same = got["outcome"] in ("error", "unscorable") if want is None else (
            got["outcome"] == "scored" and abs(got["score"] - want) <= 1e-6)
        if not same:
            found.append((row, want, got))
    return found


def main():
    import math_rows
    import rows as other_rows
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=["math", "other"], default="other")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=40, help="how many differences to print")
    options = parser.parse_args()
    made = (math_rows if options.kind == "math" else other_rows).rows(random.Random(options.seed), options.count)
    found = differences(made)
    kinds = collections.Counter(row["kind"] for row in made)
    bad = collections.Counter(row["kind"] for row, _, _ in found)
    for kind in sorted(kinds):
        print(f"{kind:40} {kinds[kind] - bad[kind]:6} of {kinds[kind]:6}")
    for row, want, got in found[:options.show]:
        print(row["kind"], "| published", want, "| golong", got["score"], got["outcome"], got["detail"][:150])
        print("   ", json.dumps(row["extra_info"], ensure_ascii=False), json.dumps(row["reward_model"]["ground_truth"], ensure_ascii=False)[:400])
        print("   ", repr(row["response"][-300:]))


if __name__ == "__main__":
    main()

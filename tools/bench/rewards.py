"""`golong bench score` beside the rewards of public_rewards.py: the same rows, the same scores, one thread, warm.

A line is the mean time of a row in the reward alone: the gold prepared and one response scored, in memory, without the
gate. The last line is all of `golong score`: rows read from a file, parsed, routed, gated, scored and written.
"""
import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from measure import call_seconds, show

PACKAGES = {"math_verify": "math-verify 0.8.0", "rouge_l": "rouge 1.0.1", "ndcg": "pytrec_eval 0.5.11"}
AIMS = {"math_verify": 50, "rouge_l": 50, "ndcg": 20}
CHEAP, LONG_SUMMARY = 5, 100
DISAGREE = {"math_verify": 0.01}  # share of the rows that may score otherwise: see docs/reference/rewards.md
RAISES = (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError)


def scored(golong, rows, folder):
    """The rows that reach their reward and are scored, each with golong's score."""
    source, target = folder / "rows.jsonl", folder / "scores.jsonl"
    write(source, rows)
    result = subprocess.run([golong, "score", "--input", source, "--output", target], stderr=subprocess.DEVNULL)
    if result.returncode not in (0, 3):
        raise RuntimeError(f"golong score ended with status {result.returncode}")
    results = map(json.loads, open(target))
    return [(row, result["score"]) for row, result in zip(rows, results, strict=True)
            if result["outcome"] == "scored" and not result["detail"].startswith("gate")]


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def expected(function, row):
    """The score; None where the Python ends with an exception."""
    try:
        return function(row, row["response"])
    except RAISES:
        return None


def agreed(golong, row_set, function, folder):
    """The rows on which both give the same score, which are next to all."""
    pairs = [(row, score, expected(function, row)) for row, score in scored(golong, row_set.rows, folder)]
    pairs = [pair for pair in pairs if pair[2] is not None]
    differ = [row["id"] for row, ours, theirs in pairs if abs(ours - theirs) > 1e-6]
    if not pairs or len(differ) > DISAGREE.get(row_set.reward, 0) * len(pairs):
        raise AssertionError(f"{row_set.name}: of {len(pairs)} rows these score otherwise in Python: {', '.join(differ)}")
    return [row for row, _, _ in pairs if row["id"] not in differ]


def ours(golong, rows, folder):
    """What `golong bench score` says of these rows, all of which have one reward."""
    write(folder / "kept.jsonl", rows)
    output = subprocess.run([golong, "bench", "score", "--json", "--input", folder / "kept.jsonl", "--threads", "1"],
                            check=True, stdout=subprocess.PIPE).stdout
    report = json.loads(output)
    [reward] = report["rewards"]
    assert report["left_out"] == 0 and reward["rows"] == len(rows), report
    return reward


def compare(golong, row_set):
    import public_rewards

    function = getattr(public_rewards, row_set.reward)
    with tempfile.TemporaryDirectory() as folder:
        rows = agreed(golong, row_set, function, Path(folder))
        fast = ours(golong, rows, Path(folder))["row_mean_s"]
    slow = sum(call_seconds(lambda row=row: function(row, row["response"])) for row in rows) / len(rows)
    is_summary = row_set.reward == "rouge_l"
    aim = LONG_SUMMARY if is_summary and row_set.is_long else AIMS.get(row_set.reward, CHEAP)
    package = "jieba, rouge 1.0.1" if "Chinese" in row_set.name else PACKAGES.get(row_set.reward, "Python")
    show(f"{row_set.name} ({len(rows)} rows)", f"{fast * 1e6:.2f} us", package, f"{slow * 1e6:.1f} us", slow / fast, aim)
    return rows


def processor_seconds(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def whole_command(golong, rows):
    """Processor time of `golong score`, start included, beside a Python script that does the same with the packages.

    `rows` are pairs of a reward and a row.
    """
    import public_rewards

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.jsonl", Path(folder) / "scores.jsonl"
        write(source, [row for _, row in rows])
        start = processor_seconds(resource.RUSAGE_CHILDREN)
        subprocess.run([golong, "score", "--input", source, "--output", target, "--set", "rewards.threads=1"], check=True,
                       stderr=subprocess.DEVNULL)
        fast = processor_seconds(resource.RUSAGE_CHILDREN) - start
        start = time.process_time()
        with open(source) as lines, open(target, "w") as out:
            for (reward, _), row in zip(rows, map(json.loads, lines), strict=True):
                text = row["response"]
                passes = text.count("</think>") == 1 and text.count("<think>") <= 1
                score = getattr(public_rewards, reward)(row, text) if passes else 0.0
                out.write(json.dumps({"id": row["id"], "score": score}) + "\n")
        slow = time.process_time() - start
    count = len(rows)
    show(f"golong score, whole ({count} rows)", f"{count / fast:.0f} rows/s", "Python", f"{count / slow:.0f} rows/s",
         slow / fast)


def run(golong):
    from reward_rows import sets

    short = []
    for row_set in sets():
        rows = compare(golong, row_set)
        if not row_set.is_long:
            short += [(row_set.reward, row) for row in rows]
    whole_command(golong, short)

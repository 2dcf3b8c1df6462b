"""The demo as a user runs it, shortened: the shipped model, rows and config, a few steps, every file that it promises."""
import json
import math
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLONG = os.environ.get("GOLONG", str(ROOT / "build" / "bin" / "golong"))
TASKS = {
    "precise_retrieval", "evidence_reasoning", "exhaustive_retrieval", "numerical_reasoning", "table_extraction",
    "structured_matching", "graded_ranking", "sequence_ordering", "summarization",
}


def test_a_short_demo_leaves_all_that_it_promises(tmp_path):
    run = tmp_path / "demo"
    result = subprocess.run(
        [GOLONG, "train", "configs/demo.toml", "--set", f"run.directory={run}", "--set", "train.seed=11",
         "--set", "train.steps=3", "--set", "train.warmup_steps=1", "--set", "eval.rows_per_task=12"],
        cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    summary = json.loads((run / "summary.json").read_text())
    for when in ("before", "after"):
        assert set(summary[when]) == TASKS
        assert all(0 <= mean <= 1 for mean in summary[when].values())
        assert set(summary["count"][when].values()) == {12}
    assert summary["seed"] == 11
    # The shipped model can do something: it was warm-started.
    assert sum(summary["before"].values()) / len(TASKS) > 0.25
    steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [step["step"] for step in steps] == [1, 2, 3]
    for step in steps:
        assert math.isfinite(step["train/loss"]) and step["train/grad_norm"] > 0
        # Rollout and trainer compute the same log-probabilities, each in its own way.
        assert step["train/rollout_logprob_difference"] < 1e-3
        # The same prompt is not computed once for each response.
        assert step["train/shared_token_share"] > 0.5
    page = (run / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "") or "<script src" not in page
    assert any((run / "checkpoints").iterdir())
    assert (run / "samples.jsonl").read_text().count("\n") >= 3

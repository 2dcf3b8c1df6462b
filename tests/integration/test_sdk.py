"""What a contributor does: copy the template, build it outside of this tree, check it, score with it."""
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CMAKE = ROOT / ".venv/bin/cmake"
NINJA = ROOT / ".venv/bin/ninja"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdk") / "template"
    shutil.copytree(ROOT / "sdk/template", folder)
    subprocess.run([CMAKE, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={NINJA}", "-S", folder, "-B", folder / "build",
                    f"-Dgolong_DIR={ROOT}/sdk/cmake"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([NINJA, "-C", folder / "build", "--quiet"], check=True)
    return folder


def test_the_template_passes_the_checks(golong, template):
    result = golong("plugin", "check", template / "build/keyword_coverage.so")
    assert result.returncode == 0, result.stdout
    assert "0 failed" in result.stdout and "FAIL" not in result.stdout


def test_the_template_links_neither_golong_nor_torch(template):
    libraries = subprocess.run(["ldd", template / "build/keyword_coverage.so"], capture_output=True, text=True,
                               check=True).stdout
    assert "golong" not in libraries and "torch" not in libraries


def test_the_template_scores_its_rows(golong, template, tmp_path):
    environment = {"GOLONG_PLUGIN_PATH": str(template / "build")}
    shown = golong("plugin", "show", "keyword_coverage", env=environment)
    assert "[rewards.keyword_coverage]" in shown.stdout and "ignore_case = true" in shown.stdout
    result = golong("score", "--input", template / "rows.jsonl", "--set", "routes.keywords.reward=keyword_coverage",
                    env=environment)
    assert result.returncode == 3, result
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["score"] for row in rows] == [1.0, 0.5, None]
    assert [row["outcome"] for row in rows] == ["scored", "scored", "unscorable"]
    assert rows[0]["detail"] == "2 of 2 keywords" and rows[0]["task"] is None  # none is needed to score
    assert "needs gold items" in rows[2]["detail"]
    trained = golong("train", "--set", f"data.train={template / 'rows.jsonl'}", ROOT / "configs/demo.toml", "--set",
                     f"model.path={ROOT / 'configs/demo/model'}", "--set", "routes.keywords.reward=keyword_coverage",
                     "--set", "data.eval=[]", "--set", f"run.directory={tmp_path}", env=environment)
    assert trained.returncode == 1 and "no task has the reward keyword_coverage" in trained.stderr


def test_a_broken_library_in_the_path_is_named(golong, tmp_path):
    (tmp_path / "broken.so").write_text("no library")
    result = golong("plugin", "list", env={"GOLONG_PLUGIN_PATH": str(tmp_path)})
    assert result.returncode == 1
    assert result.stderr.startswith("golong: ") and str(tmp_path / "broken.so") in result.stderr


def test_list_as_json_has_every_plugin(golong):
    plugins = json.loads(golong("plugin", "list", "--json").stdout)
    kinds = [plugin["kind"] for plugin in plugins]
    assert (kinds.count("task"), kinds.count("reward"), kinds.count("normalizer")) == (9, 11, 4)
    rewards = {plugin["id"]: plugin["library"] for plugin in plugins if plugin["kind"] == "reward"}
    metrics = {"em", "accuracy", "f1", "math_verify", "iou", "sub_em", "ndcg", "pairwise", "rouge_l"}
    assert set(rewards) == metrics | {"retrieval_calculate", "model_judge"}
    assert rewards["retrieval_calculate"] == rewards["model_judge"] == rewards["math_verify"]
    tmn = next(plugin for plugin in plugins if plugin["id"] == "tmn_reweight")
    assert {p["name"]: p["default"] for p in tmn["parameters"]} == {"alpha": 0.8, "gamma": 1.0, "epsilon": 1e-6}
    assert all(os.path.exists(plugin["library"]) for plugin in plugins)


def test_an_unknown_plugin_has_a_nearest(golong):
    result = golong("plugin", "show", "tmn_rewight")
    assert result.returncode == 1
    assert "there is no plugin tmn_rewight; did you mean tmn_reweight?" in result.stderr


def score(golong, tmp_path, rows, *arguments):
    lines = [json.dumps(row) if isinstance(row, dict) else row for row in rows]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    result = golong("score", "--input", "rows.jsonl", "--output", "out.jsonl", *arguments, cwd=tmp_path)
    return result, [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]


EM = {"data_source": "EM", "reward_model": {"ground_truth": {"golden_label": "yes"}}}


def test_score_writes_one_line_for_each_row_in_order(golong, tmp_path):
    rows = [{**EM, "id": i, "response": ["</think>yes"] if i % 2 else "</think>no"} for i in range(3000)]
    result, scores = score(golong, tmp_path, rows, "--threads", "2")
    assert result.returncode == 0, result
    assert [row["id"] for row in scores] == list(range(3000))
    assert all(row["score"] == ([1.0] if row["id"] % 2 else 0.0) for row in scores)


@pytest.mark.parametrize("how, number", [("segv", signal.SIGSEGV), ("overflow", signal.SIGSEGV), ("abort", signal.SIGABRT)])
@pytest.mark.parametrize("where", ["prepare", "score"])
def test_a_reward_that_takes_the_program_with_it_is_named(golong, tmp_path, how, number, where):
    library = golong.bad_plugins / "bad_isolated.so"
    (tmp_path / "config.toml").write_text(f'[plugins]\npath = ["{library}"]\n[routes.mine]\n'
                                          'task = "precise_retrieval"\nreward = "bad_mortal"\n')
    label, response = (how, "fine") if where == "prepare" else ("fine", how)
    row = {"data_source": "mine", "reward_model": {"ground_truth": {"golden_label": label}}, "response": f"</think>{response}"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    command = ("score", "--config", "config.toml", "--input", "rows.jsonl")
    result = golong(*command, cwd=tmp_path)
    assert result.returncode == -number
    assert (f"golong: {number.name} inside {where}() of reward bad_mortal ({library}); "
            "with `isolate = true` in [rewards.bad_mortal] that costs a response and not the run\n") in result.stderr
    result = golong(*command, "--set", "rewards.bad_mortal.isolate=true", cwd=tmp_path)
    assert result.returncode == 3 and "1 error" in result.stderr


def test_score_goes_on_after_bad_rows(golong, tmp_path):
    result, scores = score(golong, tmp_path, [{**EM, "id": "a", "response": "</think>yes"}, "{ no json", {"id": "b"},
                                              {**EM, "data_source": "mystery", "response": "</think>x"}])
    assert result.returncode == 3
    assert [row["outcome"] for row in scores] == ["scored", "error", "error", "unscorable"]
    assert [row["score"] for row in scores] == [1.0, None, None, None]
    assert "rows.jsonl:2" in scores[1]["detail"] and "response" in scores[2]["detail"]
    assert result.stderr == "4 rows, 1 of 4 responses scored, 2 error, 1 unscorable\n"


def test_score_to_a_folder_that_is_not_there(golong, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps({**EM, "response": "x"}) + "\n")
    result = golong("score", "--input", "rows.jsonl", "--output", "nowhere/out.jsonl", cwd=tmp_path)
    assert result.returncode == 1 and "cannot write nowhere/out.jsonl" in result.stderr

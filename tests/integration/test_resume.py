"""The shipped demo model, shortened: a run that was stopped, killed or continued with more steps is the run without a
break, bit for bit, with all nine tasks measured on the way; and its checkpoint is a model that transformers runs."""
import json
import math
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.run_files import depends_on_the_machine, documented_metric, metrics_by_step, tensorboard_curves

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "configs/demo"
STEPS = 4
TASKS = {
    "precise_retrieval", "evidence_reasoning", "exhaustive_retrieval", "numerical_reasoning", "table_extraction",
    "structured_matching", "graded_ranking", "sequence_ordering", "summarization",
}
# Groups whose rewards do not differ are left out, so that every gradient is one.
CONFIG = """
[run]
directory = "{run}"
threads = 1

[model]
path = "{model}"

[data]
train = ["{train}"]
eval = ["{eval}"]
cache = "{cache}"

[rollout]
n = 4
max_response_tokens = 64

[train]
steps = {steps}
seed = 1
prompts_per_step = 2
mini_batch_prompts = 1
generation_prompts = 6
learning_rate = 3e-4
warmup_steps = 2

[eval]
rows_per_task = 1
max_response_tokens = 32
every = 2

[checkpoint]
every = 1
keep = 2
"""


def write_rows(folder):
    """60 rows spread over the demo's, and the first held-out row of each kind (those of one kind belong to one task)."""
    lines = (DEMO / "data/train.jsonl").read_text().splitlines(keepends=True)
    (folder / "train.jsonl").write_text("".join(lines[i * len(lines) // 60] for i in range(60)))
    kinds = {}
    for line in (DEMO / "data/eval.jsonl").read_text().splitlines(keepends=True):
        row = json.loads(line)
        kinds.setdefault((row["data_source"], row["extra_info"]["reward_mode"]), line)
    (folder / "eval.jsonl").write_text("".join(kinds.values()))


class Run:
    """A run's folder, and what is written into it."""

    def __init__(self, golong, folder, data):
        self.golong = golong
        self.directory = folder / "run"
        self.config = folder / "run.toml"
        self.config.write_text(CONFIG.format(run=self.directory, model=DEMO / "model", train=data / "train.jsonl",
                                             eval=data / "eval.jsonl", cache=data / "cache", steps=STEPS))

    def finish(self, *arguments):
        result = self.golong("train", self.config, *arguments)
        assert result.returncode == 0, result.stderr

    def start(self, *arguments):
        return subprocess.Popen([self.golong.program, "train", str(self.config), *arguments], text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def metrics(self):
        return [json.loads(line) for line in (self.directory / "metrics.jsonl").read_text().splitlines()]

    def checkpoints(self):
        return sorted((self.directory / "checkpoints").iterdir())

    def curves(self):
        return tensorboard_curves(self.directory / "tensorboard")

    def outcome(self):
        """All that breaks must not change. Left out of the checkpoint: what says where and how long the run was."""
        newest = self.checkpoints()[-1]
        summary = json.loads((self.directory / "summary.json").read_text())
        return {
            "newest": newest.name,
            "files": {path.name: path.read_bytes() for path in newest.iterdir()
                      if path.name not in ("manifest.json", "run.toml")},
            "metrics": [{name: value for name, value in step.items()
                         if not depends_on_the_machine(name)}
                        for step in self.metrics()],
            "tensorboard": {name: points for name, points in self.curves().items() if not depends_on_the_machine(name)},
            "samples": (self.directory / "samples.jsonl").read_text(),
            "summary": {when: summary[when] for when in ("before", "after")},
        }


def assert_equal(found, expected):
    for part in ("newest", "metrics", "summary", "samples", "tensorboard"):
        assert found[part] == expected[part]
    assert found["files"].keys() == expected["files"].keys() >= {"model.safetensors", "optimizer.safetensors"}
    # Not compared by assert alone: a difference of megabytes is no message.
    assert [name for name in expected["files"] if found["files"][name] != expected["files"][name]] == []


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    write_rows(folder)
    return folder


@pytest.fixture
def run(golong, data, tmp_path):
    return Run(golong, tmp_path, data)


@pytest.fixture(scope="module")
def whole(golong, data, tmp_path_factory):
    """The run without a break, and the seconds that it took."""
    reference = Run(golong, tmp_path_factory.mktemp("whole"), data)
    started = time.monotonic()
    reference.finish()
    reference.seconds = time.monotonic() - started
    return reference


def test_a_run_leaves_what_it_promises(whole):
    metrics = whole.metrics()
    assert [step["step"] for step in metrics] == list(range(1, STEPS + 1))
    for step in metrics:
        assert math.isfinite(step["train/loss"]) and step["train/grad_norm"] > 0
        # Sampler and trainer compute the same log-probabilities, each in its own way.
        assert step["train/rollout_logprob_difference"] < 1e-3
    for step in metrics:
        tasks = {name for name in step if name.startswith("eval/") and name != "eval/mean"}
        assert tasks == ({f"eval/{task}" for task in TASKS} if step["step"] % 2 == 0 else set())
        if tasks:
            assert step["eval/mean"] == pytest.approx(sum(step[name] for name in tasks) / len(tasks))
    summary = json.loads((whole.directory / "summary.json").read_text())
    assert set(summary["before"]) == set(summary["after"]) == TASKS
    assert [path.name for path in whole.checkpoints()] == ["step-00000003", "step-00000004"]
    weights = [(path / "model.safetensors").read_bytes() for path in whole.checkpoints()]
    assert weights[0] != weights[1], "the last step changed nothing"


def test_tensorboard_holds_every_number_of_every_step(whole):
    expected = {}
    for step, values in metrics_by_step(whole.directory).items():
        for name, value in values.items():
            expected.setdefault(name, []).append((step, value))
    # The last step measures, too; what was before the first one stands in no step.
    before = {f"eval/{task}": score for task, score in json.loads(
        (whole.directory / "summary.json").read_text())["before"].items()}
    before["eval/mean"] = sum(before.values()) / len(before)
    for name, score in before.items():
        expected[name].insert(0, (0, score))
    found = whole.curves()
    assert found.keys() == expected.keys()
    for name, points in expected.items():
        assert [step for step, _ in found[name]] == [step for step, _ in points], name
        assert [value for _, value in found[name]] == pytest.approx([value for _, value in points], rel=1e-6), name


def test_speed_and_memory_are_those_of_the_step(whole):
    for step, values in metrics_by_step(whole.directory).items():
        assert 0 < values["perf/mfu"] < 2, "a share, but that other work may have slowed the measured peak"
        assert values["train/tokens_per_second"] == pytest.approx(values["train/tokens"] / values["time/update"])
        assert values["time/step"] >= values["time/generate"] + values["time/score"] + values["time/update"]
        assert 10e6 < values["perf/peak_memory_bytes"] < 10e9
        assert values["perf/kv_cache_bytes"] > 0
        assert (values.get("time/evaluate", 0) > 0) == (step % 2 == 0)


def test_every_metric_has_its_line_in_the_reference(run, whole):
    """docs/reference/metrics.md, for a run as it is by default and for one that measures what it can."""
    documented = documented_metric(ROOT / "docs/reference/metrics.md")
    settings = ["train.steps=2", "train.kl.estimator=k3", "train.rollout_correction.mode=mask", "train.keep_surplus=true",
                "train.overlong.filter=true", "train.overlong.buffer_tokens=8", "train.updates_per_batch=2", "eval.every=1"]
    run.finish(*[word for setting in settings for word in ("--set", setting)])
    plain, full = ({name for values in metrics_by_step(r.directory).values() for name in values} for r in (whole, run))
    assert {"train/reference_kl", "train/vetoed_fraction", "train/staleness", "rollout/overlong_penalty",
            "train/overlong_filtered", "time/evaluate"} <= full
    assert [name for name in sorted(plain | full) if not documented(name)] == []
    assert not documented("train/no_such_metric") and not documented("reward/task/a/b")


def test_stopped_by_ctrl_c_and_resumed(run, whole):
    process = run.start()
    for line in process.stderr:
        if line.startswith("train 1/"):
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert len(run.metrics()) < STEPS
    run.finish("--resume")
    assert_equal(run.outcome(), whole.outcome())


def test_a_measurement_stopped_by_ctrl_c_is_made_up_for(golong, data, tmp_path):
    settings = ["train.steps=2", "eval.every=1", "eval.max_response_tokens=400", "eval.n=4"]
    settings = [word for setting in settings for word in ("--set", setting)]
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    whole, stopped = Run(golong, tmp_path / "whole", data), Run(golong, tmp_path / "stopped", data)
    whole.finish(*settings)
    process = stopped.start(*settings)
    measurements = 0
    for line in process.stderr:
        measurements += "measuring on held-out rows" in line
        if measurements == 2:  # before the first step, and after it
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert [("eval/mean" in step) for step in stopped.metrics()] == [False]
    stopped.finish("--resume", *settings)
    assert_equal(stopped.outcome(), whole.outcome())
    for run in (whole, stopped):
        saved = [json.loads((checkpoint / "manifest.json").read_text())["metrics"] for checkpoint in run.checkpoints()]
        assert [metrics["eval/mean"] for metrics in saved] == [step["eval/mean"] for step in whole.metrics()]


def test_killed_at_any_moment_and_resumed(run, whole):
    seed = random.randrange(1 << 30)
    print("seed of the moments:", seed)  # shown where the test fails
    moments = random.Random(seed)
    for _ in range(2):
        process = run.start("--resume")
        try:
            process.communicate(timeout=moments.uniform(0, whole.seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    run.finish("--resume")
    assert_equal(run.outcome(), whole.outcome())


def test_killed_between_its_last_checkpoint_and_its_summary(run, whole):
    run.finish()
    path = run.directory / "summary.json"
    summary = json.loads(path.read_text())
    for part in (summary, summary["standard_error"], summary["count"]):
        del part["after"]
    path.write_text(json.dumps(summary))
    run.finish("--resume")
    assert_equal(run.outcome(), whole.outcome())


def test_resumed_with_more_steps(run, whole):
    run.finish("--set", "train.steps=2")
    assert [path.name for path in run.checkpoints()] == ["step-00000001", "step-00000002"]
    run.finish("--resume")
    assert_equal(run.outcome(), whole.outcome())


def test_bfloat16_and_rows_that_come_again(golong, data, tmp_path):
    """What a checkpoint holds beyond the model: float32 master weights, the epoch, saved only at the end of a run."""
    rows = tmp_path / "few.jsonl"
    rows.write_text("".join((data / "train.jsonl").read_text().splitlines(keepends=True)[:10]))
    settings = ["model.dtype=bfloat16", f'data.train=["{rows}"]', "train.updates_per_batch=2", "rewards.gate=false",
                "eval.every=0", "eval.max_response_tokens=4", "checkpoint.every=0", "train.steps=3"]
    settings = [word for setting in settings for word in ("--set", setting)]
    outcomes = []
    for name, stops in (("whole", []), ("halved", [1])):
        (tmp_path / name).mkdir()
        run = Run(golong, tmp_path / name, data)
        for steps in stops:
            run.finish(*settings, "--set", f"train.steps={steps}")
        run.finish(*settings, *(["--resume"] if stops else []))
        outcomes.append(run.outcome())
    assert json.loads(outcomes[0]["files"]["sampler.json"])["drawn"] > 10
    assert all(step["train/grad_norm"] > 0 for step in outcomes[0]["metrics"])
    # The halved run was measured at its first end, too.
    measured = [outcome["tensorboard"]["eval/summarization"] for outcome in outcomes]
    assert [step for step, _ in measured[0]] == [0, 3] and [step for step, _ in measured[1]] == [0, 1, 3]
    for outcome in outcomes:
        for name, points in outcome["tensorboard"].items():
            if name.startswith("eval/"):
                outcome["tensorboard"][name] = [point for point in points if point[0] != 1]
    assert b"embed_tokens.weight.master" in outcomes[0]["files"]["optimizer.safetensors"]
    assert_equal(outcomes[1], outcomes[0])


def test_a_run_at_its_end_stays_as_it_is(whole):
    before = whole.outcome()
    whole.finish("--resume")
    assert_equal(whole.outcome(), before)
    result = whole.golong("train", whole.config)
    assert result.returncode == 1
    assert str(whole.directory) in result.stderr and "--resume" in result.stderr
    assert_equal(whole.outcome(), before)


def test_what_a_run_cannot_go_on_with_is_named_by_key(run, data):
    run.finish("--set", "train.steps=1")
    before = run.outcome()
    for setting, message in (
            ("train.seed=43", "\n  train.seed was 1, is 43"),
            ("data.shuffle=false", "\n  data.shuffle was true, is false"),
            ("model.dtype=bfloat16", "\n  model.dtype was 'float32', is 'bfloat16'"),
            (f'data.train=["{data}/eval.jsonl"]', f"\n  data.train was [ '{data}/train.jsonl' ], is [ '{data}/eval.jsonl'"),
    ):
        result = run.golong("train", run.config, "--resume", "--set", setting)
        assert result.returncode == 1
        assert message in result.stderr
        assert_equal(run.outcome(), before)


def test_a_run_that_goes_on_is_left_alone(run):
    other = run.start()
    for line in other.stderr:
        if line.startswith("train 1/"):
            break
    result = run.golong("train", run.config, "--resume")
    assert result.returncode == 1 and f"is in use by process {other.pid} on" in result.stderr
    _, errors = other.communicate(timeout=60)
    assert other.returncode == 0, errors
    assert len(run.metrics()) == STEPS


def test_fewer_steps_than_are_done_are_an_error(run):
    run.finish("--set", "train.steps=2")
    before = (run.directory / "config.toml").read_text()
    result = run.golong("train", run.config, "--resume", "--set", "train.steps=1")
    assert result.returncode == 1 and "has done 2 steps already, more than 1" in result.stderr
    assert (run.directory / "config.toml").read_text() == before


def test_the_folder_of_a_run_is_no_checkpoint(run, golong, tmp_path):
    run.finish("--set", "train.steps=1")
    for folder in (run.directory, run.directory / "checkpoints"):
        result = golong("export", run.config, "--checkpoint", folder, "--output", tmp_path / "out")
        assert result.returncode == 1 and "did you mean" in result.stderr and "step-00000001?" in result.stderr


def test_a_misspelt_key_is_named_with_its_place(run):
    text = run.config.read_text().replace("learning_rate", "learning_rat")
    run.config.write_text(text)
    line = text[:text.index("learning_rat")].count("\n") + 1
    result = run.golong("train", run.config)
    assert result.returncode == 1
    assert f"{run.config}:{line}:1: " in result.stderr and "learning_rate" in result.stderr
    assert not run.directory.exists()


def test_an_exported_checkpoint_is_a_model_that_transformers_runs_alike(golong, whole, tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    exported = tmp_path / "model"
    result = golong("export", whole.config, "--checkpoint", whole.checkpoints()[-1], "--output", exported)
    assert result.returncode == 0, result.stderr
    rows = [{"id": f"row {n}", "prompt_ids": [(7 * i + n) % 2000 for i in range(5 + 9 * n)],
             "response_ids": [(11 * i + n) % 2000 for i in range(n)]} for n in range(4)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = golong("logprobs", "--model", exported, "--input", tmp_path / "in.jsonl", "--output",
                    tmp_path / "out.jsonl", "--dtype", "float32")
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    model = transformers.AutoModelForCausalLM.from_pretrained(exported, dtype=torch.float32)
    for row, scored in zip(rows, found):
        ids, first = row["prompt_ids"] + row["response_ids"], len(row["prompt_ids"])
        with torch.no_grad():
            logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        expected = [logprobs[i - 1, ids[i]].item() for i in range(first, len(ids))]
        assert scored["logprobs"] == pytest.approx(expected, abs=1e-4), row["id"]

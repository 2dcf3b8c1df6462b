"""Runs of a tiny model that are killed with SIGKILL at random moments of their phases, resumed, and compared with one
that nobody touched."""
import json
import os
import re
import subprocess

from tests.tiny_run import metrics_of, start, state_of

STEPS = 8
PHASES = ("generate", "update", "save")
# Everything that a checkpoint may hold: shards, groups that wait, a reference model, the best one beside the newest.
SETTINGS = [word for setting in (
    "checkpoint.every=1", "checkpoint.keep=1", "checkpoint.shard_bytes=150000", 'checkpoint.keep_best_metric="eval/mean"',
    "eval.every=2", "eval.rows_per_task=2", "eval.max_response_tokens=8", "train.keep_surplus=true",
    'train.kl.estimator="k3"', f"train.steps={STEPS}", "run.threads=1",
) for word in ("--set", setting)]


def outcome(run):
    summary = json.loads((run / "summary.json").read_text())
    return {
        "metrics": metrics_of(run),
        "samples": (run / "samples.jsonl").read_text(),
        "summary": {when: summary[when] for when in ("before", "after")},
        "checkpoints": sorted(os.listdir(run / "checkpoints")),  # the best one, too, and nothing that a kill left
    }


class Whole:
    """The run that nobody touched."""

    def __init__(self, golong, config, run):
        rows = config.parent / "rows.jsonl"
        self.settings = [*SETTINGS, "--set", f'data.eval=["{rows}"]']
        result = golong("train", config, "--set", f'run.directory="{run}"', *self.settings)
        assert result.returncode == 0, result.stderr
        self.outcome, self.state = outcome(run), state_of(run)
        steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.seconds = {phase: max(step[f"time/{phase}"] for step in steps) for phase in ("generate", "update")}
        assert sorted(self.outcome["metrics"]) == list(range(1, STEPS + 1))
        assert any(values["train/grad_norm"] > 0 for values in self.outcome["metrics"].values())
        assert {"model.safetensors.index.json", "optimizer.safetensors.index.json"} <= self.state.keys()
        assert len(self.outcome["checkpoints"]) == 2, "the best is the newest, so that nothing is kept beside it"


def newest_step(run):
    return max((int(path.name[5:]) for path in (run / "checkpoints").glob("step-*")), default=0)


def kill_in_phase(process, phase, step, seconds):
    """Kills so many seconds after `phase` began in `step`, or in the first later step that has it."""
    for line in process.stderr:
        found = re.search(rf"debug: train (\d+)/{STEPS}: {phase}$", line)
        if found and int(found[1]) + 1 >= step:
            break
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        pass
    process.kill()


def kill_while_saving(process, run, step, files):
    """Kills when so many files of the checkpoint of `step`, or of a later one, are there; with more than it has, when it
    has its name."""
    checkpoints = run / "checkpoints"

    def there(name):
        try:
            return len(os.listdir(checkpoints / name))
        except FileNotFoundError:
            return -1

    while process.poll() is None:
        for number in range(step, STEPS):
            if there(f".saving-step-{number:08}") >= files or there(f"step-{number:08}") >= 0:
                process.kill()
                return


def kill_once(golong, config, run, whole, phase, moments):
    """Goes on with a run and kills it in `phase`. Whether it was killed, and the line that says when, for messages."""
    # What the last kill left lies there until the next checkpoint is written: the one after is surely new.
    first = newest_step(run) + 2
    step = moments.randint(first, min(first + 2, STEPS - 2))
    process = start(golong, config, run, "--resume", *whole.settings, env={**os.environ, "GOLONG_LOG": "debug"})
    if phase == "save":
        files = moments.randint(0, len(whole.state) + 2)  # run.toml and manifest.json are not in `state`
        kill_while_saving(process, run, step, files)
        told = f"step {step}, save, {files} files"
    else:
        seconds = moments.uniform(0, whole.seconds[phase])
        kill_in_phase(process, phase, step, seconds)
        told = f"step {step}, {phase}, {seconds:.3f} s"
    process.communicate()
    return process.returncode == -9, f"{told}; {newest_step(run)} steps are saved"


def run_with_kills(golong, config, run, whole, phases, moments):
    """Kills once in each of the phases while there are steps left, resumes to the end, compares. Returns what was done, a
    line a kill."""
    done = []
    for phase in phases:
        if newest_step(run) + 2 > STEPS - 2:
            break
        killed, told = kill_once(golong, config, run, whole, phase, moments)
        done.append(told)
        assert killed, f"it ended before it was killed: {done}"
    result = golong("train", config, "--set", f'run.directory="{run}"', "--resume", *whole.settings)
    assert result.returncode == 0, f"{done}\n{result.stderr}"
    found = outcome(run)
    for part, expected in whole.outcome.items():
        assert found[part] == expected, f"{part} differs after {done}"
    state = state_of(run)
    # Not compared by assert alone: a difference of megabytes is no message.
    differing = [name for name in whole.state.keys() | state.keys() if state.get(name) != whole.state.get(name)]
    assert not differing, f"after {done}"
    return done

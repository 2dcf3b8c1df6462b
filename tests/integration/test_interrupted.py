"""Runs that are killed at any moment, or whose disk is full, lose nothing that was saved and go on to the same bits."""
import itertools
import os
import random
import resource
import shutil
import subprocess

import pytest

from tests.killed_runs import PHASES, Whole, run_with_kills
from tests.tiny_run import make_model, metrics_of, start, state_of, write_config


@pytest.fixture(scope="module")
def model(golong, tmp_path_factory):
    return make_model(golong, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def config(model, tmp_path_factory):
    return write_config(model, tmp_path_factory.mktemp("config"))


def test_killed_a_dozen_times_in_all_phases(golong, config, tmp_path):
    seed = random.randrange(1 << 30)
    print("seed of the moments:", seed)  # shown where the test fails
    moments = random.Random(seed)
    whole = Whole(golong, config, tmp_path / "whole")
    pairs = list(itertools.permutations(PHASES, 2))  # each phase is the first twice, and the second twice
    kills = 0
    for number, phases in enumerate(pairs):
        done = run_with_kills(golong, config, tmp_path / f"run-{number}", whole, phases, moments)
        print("\n".join(done))
        kills += len(done)
    assert kills >= 10, "runs were too far after their first kill for a second"


EVERY_STEP = ("--set", "checkpoint.every=1", "--set", "run.threads=1")


@pytest.fixture(scope="module")
def untouched(golong, config, tmp_path_factory):
    run = tmp_path_factory.mktemp("untouched") / "run"
    result = golong("train", config, "--set", f'run.directory="{run}"', *EVERY_STEP)
    assert result.returncode == 0, result.stderr
    return run


def check_failed_save(golong, config, run, errors, step, reason):
    """What is said of the save of `step` that failed, and that those before are whole."""
    assert f"the checkpoint of step {step} cannot be written" in errors and reason in errors
    assert f"make room in {run / 'checkpoints'} and go on with --resume" in errors
    assert "safetensors" in errors  # the file
    assert sorted(os.listdir(run / "checkpoints")) == [f"step-{step - 2:08}", f"step-{step - 1:08}"]
    for number in (step - 2, step - 1):
        result = golong("export", config, "--checkpoint", run / "checkpoints" / f"step-{number:08}", "--output",
                        run / f"exported-{number}")
        assert result.returncode == 0, result.stderr


def check_resumed(golong, config, run, untouched):
    result = golong("train", config, "--set", f'run.directory="{run}"', "--resume", *EVERY_STEP)
    assert result.returncode == 0, result.stderr
    assert metrics_of(run) == metrics_of(untouched)
    assert state_of(run) == state_of(untouched)


@pytest.fixture
def small_disk(untouched, tmp_path):
    """A disk of its own for the checkpoints of a run: room for two, and not for three."""
    newest = max((untouched / "checkpoints").glob("step-*"))
    pages = sum(-(-path.stat().st_size // 4096) + 1 for path in newest.iterdir())
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    if not shutil.which("mount") or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={int(2.6 * pages) * 4096}", "tmpfs", folder],
            capture_output=True).returncode != 0:
        pytest.skip("mounting a file system is not allowed here; the test with a limit covers the rest")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("background", ["true", "false"])
def test_a_full_disk(golong, config, untouched, small_disk, background):
    run = small_disk.parent
    result = golong("train", config, "--set", f'run.directory="{run}"', *EVERY_STEP, "--set",
                    f"checkpoint.background={background}")
    assert result.returncode == 1
    check_failed_save(golong, config, run, result.stderr, 3, "No space left on device")
    # In the background the run is told in the step after, at the latest.
    assert max(metrics_of(run)) == 3 if background == "false" else max(metrics_of(run)) in (3, 4)
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    check_resumed(golong, config, run, untouched)


def test_a_limit_on_the_size_of_files(golong, config, untouched, tmp_path):
    run = tmp_path / "run"
    result = golong("train", config, "--set", f'run.directory="{run}"', *EVERY_STEP, "--set", "train.steps=2")
    assert result.returncode == 0, result.stderr
    sizes = [path.stat().st_size for path in (run / "checkpoints" / "step-00000002").glob("*.safetensors")]
    limit = (min(sizes) + max(sizes)) // 2  # the weights fit, the optimizer's state does not
    process = start(golong, config, run, "--resume", *EVERY_STEP,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    check_failed_save(golong, config, run, errors, 3, "File too large")
    check_resumed(golong, config, run, untouched)

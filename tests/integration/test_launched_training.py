"""A training of two ranks that golong launch or torchrun starts: faults in the middle of it, and what comes after."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.launched import Launched, free_port, until
from tests.tiny_run import make_model, metrics_of, state_of, write_config

MESH = """[parallel]
replicate = 2
hand_out = "by_length"
heartbeat_seconds = 5
"""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def config(golong, tmp_path_factory):
    folder = tmp_path_factory.mktemp("launched")
    return write_config(make_model(golong, folder), folder, MESH)


def train(config, run, *more):
    return ["train", config, "--set", f'run.directory="{run}"', *more]


def launched(golong, config, folder, *options, more=()):
    """A job that has done two steps, so that there is a checkpoint or soon will be."""
    job = Launched(golong, folder, "--nproc", 2, *options, command=train(config, folder / "run", *more), env=ONE_THREAD)
    metrics = folder / "run" / "metrics.jsonl"

    def two_steps():
        assert job.process.poll() is None, job.end()
        return metrics.exists() and metrics.read_text().count("\n") >= 2
    until(two_steps, "the second step", seconds=120)
    return job


@pytest.fixture(scope="module")
def untouched(golong, config, tmp_path_factory):
    run = tmp_path_factory.mktemp("untouched") / "run"
    result = golong("launch", "--nproc", 2, *train(config, run), env=ONE_THREAD)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"trained 8 steps: {run}\n"  # rank 0's
    return run


def check_same(run, untouched):
    assert metrics_of(run) == metrics_of(untouched)
    assert state_of(run) == state_of(untouched)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_rank_and_a_restart(golong, config, untouched, tmp_path, rank):
    with launched(golong, config, tmp_path, "--restarts", 1) as job:
        os.kill(job.ranks[rank], signal.SIGKILL)
        status, out, errors = job.end()
        assert status == 0, errors
        assert f"golong: rank {rank} was ended by signal 9 (Killed)" in errors and "starting again, restart 1" in errors
        assert out == f"trained 8 steps: {tmp_path / 'run'}\n"
        check_same(tmp_path / "run", untouched)


def test_a_rank_that_stands_still_and_a_restart(golong, config, untouched, tmp_path):
    with launched(golong, config, tmp_path, "--restarts", 1, "--grace", 1) as job:
        os.kill(job.ranks[1], signal.SIGSTOP)
        status, _, errors = job.end()
        assert status == 0, errors
        assert "rank 1 has given no sign of life for 5 s (parallel.heartbeat_seconds)" in errors
        assert "golong: rank 0 ended with exit status 4" in errors
        check_same(tmp_path / "run", untouched)


def test_a_signal_saves_and_stops(golong, config, untouched, tmp_path):
    with launched(golong, config, tmp_path, "--restarts", 1) as job:
        job.process.send_signal(signal.SIGINT)
        status, _, errors = job.end()
        assert status == 130, errors
        assert "starting again" not in errors and "golong: stopped after step" in errors
    result = golong("launch", "--nproc", 2, *train(config, tmp_path / "run", "--resume"), env=ONE_THREAD)
    assert result.returncode == 0, result.stderr
    check_same(tmp_path / "run", untouched)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_at_one_rank_saves_and_stops_all(golong, config, untouched, tmp_path, rank):
    with launched(golong, config, tmp_path) as job:
        os.kill(job.ranks[rank], signal.SIGTERM)
        status, out, errors = job.end()
        assert status == 130 and out == "", errors
        assert "golong: stopped after step" in errors
    result = golong("launch", "--nproc", 2, *train(config, tmp_path / "run", "--resume"), env=ONE_THREAD)
    assert result.returncode == 0, result.stderr
    check_same(tmp_path / "run", untouched)


@pytest.mark.parametrize("every", [1, 100])
def test_an_error_of_one_rank_in_a_step(golong, config, tmp_path, every):
    """No checkpoint is made of a step that one rank could not end; what was saved before stays, and is gone on from."""
    more = ["--set", f'plugins.path=["{golong.bad_plugins}/bad_normalizers.so"]', "--set", f"checkpoint.every={every}"]
    result = golong("launch", "--nproc", 2,
                    *train(config, tmp_path / "run", *more, "--set", 'train.normalizer="bad_one_rank"'), env=ONE_THREAD)
    assert result.returncode == 5, result.stderr
    assert "[rank 1] golong: " in result.stderr and "no such luck" in result.stderr
    assert "rank 1 failed: " in result.stderr  # as rank 0 tells it
    saved = [path.name for path in (tmp_path / "run" / "checkpoints").glob("step-*")]
    assert saved == (["step-00000001"] if every == 1 else [])
    result = golong("launch", "--nproc", 2, *train(config, tmp_path / "run", *more, "--resume"), env=ONE_THREAD)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"trained 8 steps: {tmp_path / 'run'}\n"


def test_mistakes_are_not_tried_again(golong, config, untouched):
    result = golong("launch", "--nproc", 2, "--restarts", 3, *train(config, untouched))  # not empty, without --resume
    assert result.returncode == 1 and "holds the checkpoints of a run" in result.stderr
    assert "starting again" not in result.stderr


def ranks_with(golong, commands):
    """Started by hand, each with its own command; exit status and stderr of each."""
    port = free_port()
    processes = [subprocess.Popen([golong.program, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True, env={**os.environ, "RANK": str(rank), "WORLD_SIZE": str(len(commands)),
                                                  "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1",
                                                  "MASTER_PORT": str(port)})
                 for rank, command in enumerate(commands)]
    return [(process.communicate(timeout=120)[1], process.returncode)[::-1] for process in processes]


def test_another_config_at_one_rank(golong, config, tmp_path):
    ends = ranks_with(golong, [train(config, tmp_path / "run"),
                               train(config, tmp_path / "run", "--set", "train.seed=8", "--set", "rollout.n=4")])
    for status, errors in ends:
        assert status == 1
        assert "train.seed: rank 1 has 8, rank 0 has 0" in errors and "rollout.n: rank 1 has 4, rank 0 has 3" in errors
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize("resuming", [0, 1])
def test_one_rank_that_resumes_and_one_that_does_not(golong, config, untouched, tmp_path, resuming):
    shutil.copytree(untouched, tmp_path / "run")
    more = [["--set", "train.steps=9"], ["--set", "train.steps=9", "--resume"]]
    ends = ranks_with(golong, [train(config, tmp_path / "run", *more[rank == resuming]) for rank in (0, 1)])
    for status, errors in ends:
        has = [str(rank == resuming).lower() for rank in (0, 1)]
        assert status == 1 and f"--resume: rank 1 has {has[1]}, rank 0 has {has[0]}" in errors
    assert metrics_of(tmp_path / "run") == metrics_of(untouched)


def test_torchrun(golong, config, untouched, tmp_path):
    torchrun = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "torchrun"
    if not torchrun.exists():
        pytest.skip("torchrun is not installed")
    result = subprocess.run([torchrun, "--no-python", "--nproc-per-node", "2", "--master-port", str(free_port()),
                             golong.program, *map(str, train(config, tmp_path / "run"))],
                            capture_output=True, text=True, timeout=300, env={**os.environ, **ONE_THREAD})
    assert result.returncode == 0, result.stderr
    check_same(tmp_path / "run", untouched)

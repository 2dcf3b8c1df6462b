"""Trainings of several ranks: the same steps as one rank makes, checkpoints that open on any mesh, ranks that are killed."""
import json
import os
import random
import re
import signal
import subprocess

import pytest

from tests.launched import children, free_port
from tests.run_files import documented_metric, metrics_by_step
from tests.tiny_run import EXPERTS, ROOT, make_model, metrics_of, state_of, write_config

# What differs with the mesh: times, memory, traffic, and how much of the prompts was found in other prompts' pages.
OF_THE_MESH = ("ranks/", "rollout/shared_token_share", "rollout/recomputed_tokens")


@pytest.fixture(scope="module")
def model(golong, tmp_path_factory):
    return make_model(golong, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def config(model, tmp_path_factory):
    return write_config(model, tmp_path_factory.mktemp("config"))


def settings(run, **values):
    """--set for each; parallel_shard=2 is parallel.shard=2."""
    words = ["--set", f'run.directory="{run}"']
    for name, value in values.items():
        words += ["--set", f"{name.replace('_', '.', 1)}={value}"]
    return words


def train(golong, config, run, ranks, *more, **values):
    command = ["train", config, *more, *settings(run, **values)]
    result = golong("launch", "--nproc", ranks, *command) if ranks > 1 else golong(*command)
    assert result.returncode == 0, result.stderr
    return result


def compare(found, expected, relative=1e-5):
    """Each metric that both meshes must have alike."""
    for step, values in expected.items():
        for name, value in values.items():
            if name.startswith(OF_THE_MESH):
                continue
            assert found[step][name] == pytest.approx(value, rel=relative, abs=relative), f"step {step}: {name}"


def samples_of_step(run, step):
    rows = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    found = [row for row in rows if row["step"] == step]
    assert any(row["advantage"] for row in found), "they would be equal in any case"
    return found


@pytest.fixture(scope="module")
def one_rank(golong, config, tmp_path_factory):
    run = tmp_path_factory.mktemp("one") / "run"
    train(golong, config, run, 1, run_threads=1)
    return run


MESHES = [dict(parallel_shard=2), dict(parallel_shard=2, parallel_zero=1), dict(parallel_replicate=2),
          dict(parallel_context=2, train_recompute='"all"'), dict(parallel_replicate=2, parallel_context=2),
          dict(parallel_shard=2, parallel_context=2, parallel_hand_out='"by_length"', train_micro_batch_tokens=40)]


@pytest.mark.parametrize("mesh", MESHES, ids=lambda mesh: "-".join(f"{k.split('_', 1)[1]}_{v}" for k, v in mesh.items()))
def test_a_mesh_makes_the_steps_of_one_rank(golong, config, one_rank, tmp_path, mesh):
    ranks = mesh.get("parallel_shard", 1) * mesh.get("parallel_replicate", 1) * mesh.get("parallel_context", 1)
    run = tmp_path / "run"
    result = train(golong, config, run, ranks, train_steps=3, **mesh)
    found = metrics_of(run)
    compare(found, {step: values for step, values in metrics_of(one_rank).items() if step <= 1})
    assert samples_of_step(run, 1) == samples_of_step(one_rank, 1)  # advantages bit for bit
    assert sorted(found) == [1, 2, 3]
    # The first rank speaks for all.
    assert result.stdout.count("trained 3 steps") == 1 and "[rank 1]" not in result.stdout + result.stderr
    documented = documented_metric(ROOT / "docs/reference/metrics.md")
    for name, value in metrics_by_step(run)[3].items():
        assert documented(name), name
        if name.startswith("ranks/wait_seconds/"):
            assert value >= 0


@pytest.fixture(scope="module")
def experts(golong, tmp_path_factory):
    """The config of a model with experts, and a run of one rank with it."""
    folder = tmp_path_factory.mktemp("experts")
    config = write_config(make_model(golong, folder, EXPERTS), folder)
    train(golong, config, folder / "run", 1, run_threads=1, train_steps=2)
    return config, folder / "run"


@pytest.mark.parametrize("more", [dict(), dict(parallel_context=2, train_recompute='"all"'), dict(parallel_shard=2)],
                         ids=["alone", "context", "shard"])
def test_experts_on_ranks_make_the_steps_of_one_rank(golong, experts, tmp_path, more):
    config, one = experts
    run = tmp_path / "run"
    train(golong, config, run, 4 if more else 2, parallel_expert=2, train_steps=2, **more)
    found = metrics_of(run)
    compare(found, {step: values for step, values in metrics_of(one).items() if step <= 1})
    assert sorted(found) == [1, 2]
    train(golong, config, run, 1, "--resume", train_steps=3)  # their checkpoint opens in one process


def test_a_checkpoint_opens_on_any_mesh(golong, config, one_rank, tmp_path):
    run = tmp_path / "run"
    train(golong, config, run, 4, parallel_shard=2, parallel_context=2, train_steps=2)
    assert "model.rank-00003.safetensors" in state_of(run)
    train(golong, config, run, 2, "--resume", parallel_replicate=2, train_steps=4)
    files = state_of(run)
    assert "model.rank-00000.safetensors" in files and "model.rank-00001.safetensors" not in files  # they have the same
    train(golong, config, run, 1, "--resume", train_steps=6)
    assert "model.safetensors" in state_of(run)
    # Weights and moments were those of one rank's run, or the steps after them would be others.
    compare(metrics_of(run), {step: v for step, v in metrics_of(one_rank).items() if step <= 6}, relative=1e-3)


def test_parts_are_exported_as_whole_tensors(golong, config, tmp_path):
    run = tmp_path / "run"
    train(golong, config, run, 2, parallel_shard=2, train_steps=2)
    result = golong("export", config, "--checkpoint", run / "checkpoints" / "step-00000002", "--output", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    tokens = tmp_path / "tokens.jsonl"
    tokens.write_text(json.dumps({"id": "a", "prompt_ids": [5, 6, 7], "response_ids": [8, 9]}) + "\n")
    result = golong("logprobs", "--model", tmp_path / "out", "--input", tokens, "--output", tmp_path / "logprobs.jsonl")
    assert result.returncode == 0, result.stderr


def test_a_rank_that_means_something_else_is_named(golong, config, tmp_path):
    port, ranks = free_port(), []
    for rank in range(2):
        env = {**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1",
               "MASTER_PORT": str(port)}
        words = ["train", config, *settings(tmp_path / "run", parallel_shard=2, train_seed=7 + rank)]
        ranks.append(subprocess.Popen([golong.program, *map(str, words)], env=env, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True))
    for process in ranks:
        _, errors = process.communicate(timeout=120)
        assert process.returncode != 0
        assert "train.seed: rank 1 has 8, rank 0 has 7" in errors
    assert not (tmp_path / "run" / "checkpoints").exists()


# Who computes what, and so the rounding, is the same each time: what was killed goes on to the same bits.
SAME_EACH_TIME = dict(parallel_shard=2, parallel_hand_out='"by_length"', checkpoint_every=1, train_steps=6)


@pytest.fixture(scope="module")
def untouched(golong, config, tmp_path_factory):
    run = tmp_path_factory.mktemp("untouched") / "run"
    train(golong, config, run, 2, **SAME_EACH_TIME)
    return run


def kill_in_phase(golong, config, run, phase, rank):
    """Kills a rank within `phase` of step 3 or later; the launcher's status and its last words."""
    command = [golong.program, "launch", "--nproc", 2, "train", config,
               *settings(run, **SAME_EACH_TIME, parallel_heartbeat_seconds=5)]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "GOLONG_LOG": "debug"})
    lines = []
    for line in process.stderr:
        lines.append(line)
        found = re.search(r"debug: train (\d+)/6: (\w+)$", line)
        if found and int(found[1]) >= 2 and found[2] == phase:
            os.kill(children(process)[rank], signal.SIGKILL)
            break
    lines += process.stderr.readlines()
    return process.wait(timeout=120), "".join(lines)


@pytest.mark.parametrize("phase", ["generate", "update", "save"])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_is_killed_is_named_and_the_run_goes_on(golong, config, untouched, tmp_path, phase, rank):
    run = tmp_path / "run"
    status, errors = kill_in_phase(golong, config, run, phase, rank)
    assert status == 128 + signal.SIGKILL, errors
    assert f"rank {rank} was ended by signal 9" in errors
    train(golong, config, run, 2, "--resume", **SAME_EACH_TIME)
    found, expected = metrics_of(run), metrics_of(untouched)
    for values in (*found.values(), *expected.values()):
        for name in [name for name in values if name.startswith("ranks/wait_seconds")]:
            del values[name]
    assert found == expected
    files, whole = state_of(run), state_of(untouched)
    assert [name for name in whole.keys() | files.keys() if files.get(name) != whole.get(name)] == []


def test_restarts_go_on_by_themselves(golong, config, untouched, tmp_path):
    run = tmp_path / "run"
    command = [golong.program, "launch", "--nproc", 2, "--restarts", 2, "train", config, *settings(run, **SAME_EACH_TIME)]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "GOLONG_LOG": "debug"})
    victim = random.randrange(2)
    for line in process.stderr:
        if re.search(r"debug: train 3/6: update$", line):
            os.kill(children(process)[victim], signal.SIGKILL)
            break
    errors = process.stderr.read()
    assert process.wait(timeout=120) == 0, errors
    assert "restart 1" in errors
    files, whole = state_of(run), state_of(untouched)
    assert [name for name in whole.keys() | files.keys() if files.get(name) != whole.get(name)] == []


def test_the_benchmark_of_generation_on_many_ranks(golong, model, experts):
    command = ["bench", "rollout", "--prompt-tokens", 64, "--new-tokens", 8, "--n", 4, "--groups", 4, "--repetitions", 1,
               "--threads", 1]
    config, _ = experts
    for more in (["--model", model], ["--model", config.parent / "tiny", "--expert", 2]):
        one, many = (json.loads(golong(*launch, *command, *more[:2], *end).stdout)
                     for launch, end in (([], []), (["launch", "--nproc", 2], more[2:])))
        assert many["ranks"] == 2
        assert many["kv_bytes"] == many["kv_formula_bytes"] == one["kv_bytes"] / 2
        assert many["new_tokens_per_s"] == pytest.approx(4 * 4 * 8 / many["seconds"])
    result = golong("launch", "--nproc", 2, *command[:-6], "--groups", 3, "--model", model)
    assert result.returncode == 1 and "--groups 3 cannot be shared out evenly to 2 ranks" in result.stderr


def test_the_benchmark_of_an_update_on_many_ranks(golong, model):
    command = ["bench", "train", "--model", model, "--prompt-tokens", 64, "--response-tokens", 16, "--n", 4, "--groups", 4,
               "--micro-batch-tokens", 256, "--repetitions", 1, "--threads", 1]
    one = json.loads(golong(*command).stdout)
    for mesh in (["--shard", 2], ["--context", 2], ["--replicate", 2], ["--shard", 2, "--zero", 1]):
        many = json.loads(golong("launch", "--nproc", 2, *command, *mesh).stdout)
        assert many["ranks"] == 2
        assert many["loss"] == pytest.approx(one["loss"], rel=1e-5)
        assert many["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-5)
        assert many["sent_bytes"] == many["sent_formula_bytes"] > 0, mesh
        if mesh in (["--shard", 2], ["--context", 2]):
            assert many["state_bytes"] == pytest.approx(one["state_bytes"] / 2, rel=0.05)

"""golong launch with real processes: who a rank is, what it writes, how the others end when one does."""
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.launched import Launched, arguments, environment, free_port, is_gone, until


def row(i):
    return json.dumps({"id": f"r{i}", "data_source": "x", "prompt": "?", "reward_model": {"ground_truth": "a"},
                       "response": "a"}) + "\n"


def test_ranks_know_who_they_are(golong, tmp_path):
    with Launched(golong, tmp_path, "--nproc", 3, ranks=3, env={"OMP_NUM_THREADS": "5"}) as job:
        seen = {rank: environment(process) for rank, process in job.ranks.items()}
        assert sorted(seen) == [0, 1, 2]
        for rank, variables in seen.items():
            assert variables["LOCAL_RANK"] == str(rank) and variables["WORLD_SIZE"] == "3"
            assert variables["MASTER_ADDR"] == "127.0.0.1" and variables["GOLONG_RESTART"] == "0"
            assert variables["MASTER_PORT"] == seen[0]["MASTER_PORT"] and 0 < int(variables["MASTER_PORT"]) < 65536
            assert variables["OMP_NUM_THREADS"] == "5"  # as it was set
            assert arguments(job.ranks[rank]) == ["config", "show", str(job.pipe)]
            assert os.getpgid(job.ranks[rank]) == job.ranks[rank]  # Ctrl-C in a terminal is not for it


def test_cores_are_shared(golong, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0))
    for ranks in (1, cores, 2 * cores):
        with Launched(golong, tmp_path, "--nproc", ranks, ranks=ranks) as job:
            assert environment(job.ranks[0])["OMP_NUM_THREADS"] == str(max(1, cores // ranks))


def test_output_of_all_ranks(golong, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(row(0) + row(1))
    alone = golong("score", "--input", rows)
    result = golong("launch", "--nproc", 3, "score", "--input", rows)
    assert result.returncode == alone.returncode == 0
    assert result.stdout == alone.stdout  # rank 0's alone
    lines = result.stderr.splitlines()
    assert alone.stderr.strip() in lines  # as rank 0 wrote it
    for rank in (1, 2):  # what went to stdout there is among it
        mine = [line.removeprefix(f"[rank {rank}] ") for line in lines if line.startswith(f"[rank {rank}] ")]
        assert sorted(mine) == sorted(alone.stdout.splitlines() + alone.stderr.splitlines())


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_rank_that_dies_is_named(golong, tmp_path, rank):
    with Launched(golong, tmp_path, "--nproc", 3, ranks=3) as job:
        os.kill(job.ranks[rank], signal.SIGKILL)
        status, _, errors = job.end()
        assert status == 128 + signal.SIGKILL
        assert f"golong: rank {rank} was ended by signal 9 (Killed), so the others were ended" in errors
        assert "another rank" not in errors
        assert all(is_gone(process) for process in job.ranks.values())


def test_the_last_words_of_a_rank_that_fails(golong, tmp_path):
    rows = tmp_path / "rows.txt"
    rows.write_text("no row\n")
    result = golong("launch", "--nproc", 2, "--restarts", 3, "score", "--input", rows, "--config", tmp_path / "none.toml")
    assert result.returncode == 1
    assert result.stderr.count("[rank 1] golong: ") <= 1  # an error before training is not tried again
    assert "rank 0 ended with exit status 1" in result.stderr or "rank 1 ended with exit status 1" in result.stderr
    assert "starting again" not in result.stderr


def test_a_rank_that_does_not_end_is_killed(golong, tmp_path):
    with Launched(golong, tmp_path, "--nproc", 2, "--grace", 1) as job:
        os.kill(job.ranks[0], signal.SIGSTOP)  # SIGTERM waits until it goes on
        os.kill(job.ranks[1], signal.SIGKILL)
        status, _, errors = job.end()
        assert status == 137 and "rank 1 was ended by signal 9" in errors
        assert is_gone(job.ranks[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_passed_on(golong, tmp_path, number):
    with Launched(golong, tmp_path, "--nproc", 2, "--restarts", 5) as job:
        job.process.send_signal(number)
        status, _, errors = job.end()
        assert status == 130 and errors == ""  # nobody failed, nothing is started again
        assert all(is_gone(process) for process in job.ranks.values())


def test_a_second_signal_kills(golong, tmp_path):
    with Launched(golong, tmp_path, "--nproc", 2) as job:
        for process in job.ranks.values():
            os.kill(process, signal.SIGSTOP)
        until(lambda: all("\nState:\tT" in Path(f"/proc/{process}/status").read_text() for process in job.ranks.values()),
              "ranks that stand still")
        job.process.send_signal(signal.SIGINT)
        # The first one has been taken when it waits at the ranks that stand still.
        until(lambda: all(int(re.search(r"^ShdPnd:\s*(\w+)", Path(f"/proc/{process}/status").read_text(), re.M)[1], 16)
                          for process in job.ranks.values()), "SIGINT at the ranks")
        assert job.process.poll() is None
        job.process.send_signal(signal.SIGINT)
        status, _, _ = job.end()
        assert status == 130 and all(is_gone(process) for process in job.ranks.values())


def test_ranks_do_not_outlive_a_launcher_that_is_killed(golong, tmp_path):
    with Launched(golong, tmp_path, "--nproc", 2) as job:
        job.process.kill()
        until(lambda: all(is_gone(process) for process in job.ranks.values()), "the end of the ranks")


def test_restarts(golong, tmp_path):
    with Launched(golong, tmp_path, "--nproc", 2, "--restarts", 2) as job:
        ports, before = set(), set()
        for restart in range(3):
            job.find(2, others_than=before)
            for process in job.ranks.values():
                assert environment(process)["GOLONG_RESTART"] == str(restart)
            ports.add(environment(job.ranks[0])["MASTER_PORT"])
            before |= set(job.ranks.values())
            os.kill(job.ranks[restart % 2], signal.SIGSEGV)
        status, _, errors = job.end()
        assert status == 128 + signal.SIGSEGV
        assert errors.count("golong: starting again, restart ") == 2 and "restart 2" in errors
        assert errors.count("was ended by signal 11 (Segmentation fault)") == 3
        assert len(ports) > 1


def test_a_training_is_started_again_with_resume(golong, tmp_path):
    config = tmp_path / "run.toml"
    os.mkfifo(config)  # where each rank waits
    command = ["train", config, "--set", "train.steps=3"]
    with Launched(golong, tmp_path, "--nproc", 2, "--restarts", 1, command=command) as job:
        assert arguments(job.ranks[1]) == list(map(str, command))
        before = set(job.ranks.values())
        os.kill(job.ranks[1], signal.SIGKILL)
        job.find(2, others_than=before)
        for process in job.ranks.values():
            assert arguments(process) == ["train", "--resume", *map(str, command[1:])]


class Nodes:
    """Launchers that meet at a port of this machine."""

    def __init__(self, golong, folder, nodes, *options):
        self.jobs = []
        port = free_port()
        for node in reversed(range(nodes)):  # node 0 comes last
            there = folder / f"node{node}"
            there.mkdir()
            self.jobs.insert(0, Launched(golong, there, "--nproc", 2, "--nnodes", nodes, "--node-rank", node,
                                         "--rendezvous", f"127.0.0.1:{port}", *options, ranks=0 if node else 2))
        for job in self.jobs:
            job.find(2)

    def __enter__(self):
        return self.jobs

    def __exit__(self, *_):
        for job in self.jobs:
            job.__exit__()


def test_nodes_agree(golong, tmp_path):
    with Nodes(golong, tmp_path, 3, "--restarts", 1) as jobs:
        for restart in range(2):
            seen = {}
            for job in jobs:
                seen.update({rank: environment(process) for rank, process in job.ranks.items()})
            assert sorted(seen) == list(range(6))
            assert {variables["LOCAL_RANK"] for variables in seen.values()} == {"0", "1"}
            assert {variables["WORLD_SIZE"] for variables in seen.values()} == {"6"}
            assert {variables["GOLONG_RESTART"] for variables in seen.values()} == {str(restart)}
            assert {variables["MASTER_ADDR"] for variables in seen.values()} == {"127.0.0.1"}
            assert len({variables["MASTER_PORT"] for variables in seen.values()}) == 1
            before = [set(job.ranks.values()) for job in jobs]
            os.kill(jobs[2].ranks[5], signal.SIGKILL)
            if restart == 0:
                for job, ranks in zip(jobs, before):
                    job.find(2, others_than=ranks)
        for job in jobs:
            status, _, errors = job.end()
            assert status == 137 and errors.count("rank 5 was ended by signal 9 (Killed)") == 2


def test_a_signal_at_one_node_reaches_all(golong, tmp_path):
    with Nodes(golong, tmp_path, 3) as jobs:
        jobs[1].process.send_signal(signal.SIGINT)
        assert [job.end()[0] for job in jobs] == [130, 130, 130]


@pytest.mark.parametrize("node", [0, 1])
def test_a_node_that_is_gone_is_named(golong, tmp_path, node):
    with Nodes(golong, tmp_path, 2) as jobs:
        jobs[node].process.kill()
        status, _, errors = jobs[1 - node].end()
        assert status == 1 and f"rank {2 * node} is gone with the launcher of node {node}" in errors
        until(lambda: all(is_gone(process) for job in jobs for process in job.ranks.values()), "the end of the ranks")


def test_nodes_that_do_not_fit_are_refused(golong, tmp_path):
    port = free_port()
    first = subprocess.Popen([golong.program, "launch", "--nproc", "2", "--nnodes", "2", "--rendezvous",
                              f"127.0.0.1:{port}", "doctor"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        for options, message in [
            (["--nproc", 3, "--nnodes", 2, "--node-rank", 1], "node 1 has --nproc 3, node 0 2"),
            (["--nproc", 2, "--nnodes", 3, "--node-rank", 2], "node 2 has --nnodes 3, node 0 2"),
        ]:
            result = golong("launch", *options, "--rendezvous", f"127.0.0.1:{port}", "doctor")
            assert result.returncode == 1 and f"golong: node 0 refused this one: {message}" in result.stderr
        first.send_signal(signal.SIGINT)
        _, errors = first.communicate(timeout=30)
        assert first.returncode == 130 and "stopped while it waited for the other nodes" in errors
        assert errors.count("refused a node") == 2
    finally:
        first.kill()
        first.wait()


@pytest.mark.parametrize("options, status, message", [
    ([], 2, "--nproc is required"),
    (["--nproc", "2"], 2, "a command is required, such as train CONFIG (see `golong launch --help`)"),
    (["--nproc", "2", "--nnode", "2", "train"], 2, "unknown option --nnode; did you mean --nnodes?"),
    (["--nproc", "2", "trian", "x"], 1, "there is no command trian to launch; did you mean train?"),
    (["--nproc", "2", "launch", "train"], 1, "there is no command launch to launch"),
    (["--nproc", "2", "score", "--input", "x", "--output", "y"], 1, "score --output runs in one process"),
    (["--nproc", "2", "chat", "--model", "x"], 1, "chat runs in one process"),
    (["--nproc", "2", "--nnodes", "2", "doctor"], 1, "--nnodes 2 needs --rendezvous HOST:PORT"),
    (["--nproc", "2", "--nnodes", "2", "--node-rank", "2", "doctor"], 1, "nodes are numbered from 0 to 1"),
    (["--nproc", "2", "--nnodes", "2", "--rendezvous", "here", "doctor"], 1, '"here" is no address'),
])
def test_wrong_command_lines(golong, options, status, message):
    result = golong("launch", *options)
    assert result.returncode == status and message in result.stderr and result.stderr.count("\n") == 1, result

"""golong.train: the callback, stopping, Ctrl-C."""
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import golong
import pytest


def metrics_of(config):
    return [json.loads(line) for line in (Path(config.run.directory) / "metrics.jsonl").read_text().splitlines()]


def test_the_callback_sees_every_step(config):
    seen = []
    assert golong.train(config, callback=lambda step, metrics: seen.append((step, metrics))) == 3
    assert [step for step, _ in seen] == [1, 2, 3]
    written = [line for line in metrics_of(config) if line["step"] >= 1]
    assert [line["step"] for line in written] == [1, 2, 3]
    for (_, metrics), line in zip(seen, written):
        assert isinstance(metrics["reward/mean"], float)
        assert metrics["train/grad_norm"] == line["train/grad_norm"] and metrics["train/loss"] == line["train/loss"]
    assert (Path(config.run.directory) / "report.html").exists()


def test_false_stops_and_resume_goes_on(config):
    assert golong.train(config, callback=lambda step, metrics: step < 2) == 2
    assert golong.train(config, resume=True) == 3
    assert [line["step"] for line in metrics_of(config) if line["step"] >= 1] == [1, 2, 3]


def test_a_callback_that_is_none_is_refused_before_anything_runs(config):
    with pytest.raises(golong.Error, match="callback: expected a function"):
        golong.train(config, callback=5)
    assert golong.train(config) == 3


def test_what_the_callback_raises_comes_out(config):
    def callback(step, metrics):
        raise LookupError(f"in step {step}")

    with pytest.raises(LookupError, match="in step 1"):
        golong.train(config, callback=callback)


def test_other_threads_run_on(config):
    seen = threading.Event()
    main = threading.get_ident()

    def callback(step, metrics):
        assert threading.get_ident() != main
        threading.Thread(target=seen.set).start()
        assert seen.wait(timeout=60)

    assert golong.train(config, callback=callback) == 3


def test_a_config_is_checked_before_anything_runs(config, tmp_path):
    config.train.normalizer = "tmn_rewieght"
    with pytest.raises(golong.Error, match="did you mean tmn_reweight"):
        golong.train(config)
    config.train.normalizer = "grpo"
    config.model.path = str(tmp_path / "no model here")
    with pytest.raises(golong.Error, match="no model here"):
        golong.train(config)
    with pytest.raises(golong.Error, match="nowhere.toml"):
        golong.train("nowhere.toml")


def run(config, tmp_path, code):
    """Runs code with `config` in a Python of its own; returns the finished process."""
    file = tmp_path / "config.toml"
    file.write_text(config.to_toml())
    program = f"import golong, os, signal, sys, threading\nconfig = golong.load_config({str(file)!r})\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


def test_ctrl_c_saves_stops_and_raises(config, tmp_path):
    config.train.steps = 100000
    result = run(config, tmp_path, """
signal.signal(signal.SIGINT, signal.default_int_handler)
def callback(step, metrics):
    if step == 2:
        os.kill(os.getpid(), signal.SIGINT)
try:
    golong.train(config, callback=callback)
except KeyboardInterrupt:
    print("interrupted")
""")
    assert result.returncode == 0 and result.stdout.endswith("interrupted\n"), result.stderr
    done = metrics_of(config)[-1]["step"]
    assert 2 <= done < 100000
    config.train.steps = done + 1
    seen = []
    assert golong.train(config, resume=True, callback=lambda step, metrics: seen.append(step)) == done + 1
    assert seen == [done + 1]  # nothing was lost


def test_a_second_ctrl_c_ends_the_process(config, tmp_path):
    result = run(config, tmp_path, """
handled = threading.Event()
def handle(number, frame):
    handled.set()
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, handle)
def callback(step, metrics):
    os.kill(os.getpid(), signal.SIGINT)
    handled.wait()
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()  # for ever: only the second signal ends this
golong.train(config, callback=callback)
""")
    assert result.returncode == -signal.SIGINT, result.stderr

"""`golong logprobs`: rows that are checked first, and work that is gone on with."""
import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.launched import until

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "configs/demo/model"  # of 2,048 positions


def command(golong, source, output, *options, model=MODEL):
    return [golong.program, "logprobs", "--model", model, "--input", source, "--output", output, *options]


def run(*arguments, **options):
    return subprocess.run(command(*arguments, **options), capture_output=True, text=True)


@pytest.fixture
def source(tmp_path):
    rows = [{"id": i, "prompt_ids": list(range(i % 50, 1000)), "response_ids": [i % 7, 5, 6]} for i in range(300)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "in.jsonl"


def test_after_an_interruption_the_same_command_goes_on(golong, source, tmp_path):
    assert run(golong, source, tmp_path / "whole.jsonl").returncode == 0
    output, part = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    for stop, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        before = part.read_bytes().count(b"\n") if part.exists() else 0
        process = subprocess.Popen(command(golong, source, output), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: process.poll() is not None or part.exists() and part.read_bytes().count(b"\n") >= before + 3,
              "three more rows", seconds=60)
        process.send_signal(stop)
        assert process.wait() == status, "it was done before it could be stopped"
    other = run(golong, source, output, "--dtype", "float32")
    assert other.returncode == 1 and "is part of other work" in other.stderr and "dtype was 'bfloat16', is 'float32'" in other.stderr
    again = run(golong, source, output)
    assert again.returncode == 0 and "going on after" in again.stderr, again.stderr
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl", "whole.jsonl"]


def test_a_bad_row_is_named_before_anything_is_computed(golong, source, tmp_path):
    with open(source, "a") as file:
        file.write(json.dumps({"id": "long", "prompt_ids": [1, 2, 3], "response_ids": [4] * 3000}) + "\n")
    result = run(golong, source, tmp_path / "out.jsonl")
    assert result.returncode == 1
    assert f"{source}:301: prompt_ids has 3 tokens and response_ids 3000, more than the model's 2048 positions" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_a_float16_model_is_computed_in_float32(golong, tmp_path):
    shutil.copytree(ROOT / "tests/data/model/tied", tmp_path / "model")
    weights = {name: weight.half() for name, weight in load_file(tmp_path / "model/model.safetensors").items()}
    (tmp_path / "in.jsonl").write_text('{"id": 0, "prompt_ids": [1, 2], "response_ids": [3, 4]}\n')
    results = []
    for dtype, name in ((torch.float16, "float16"), (torch.float32, "float32")):
        save_file({key: weight.to(dtype) for key, weight in weights.items()}, tmp_path / "model/model.safetensors")
        config = json.loads((tmp_path / "model/config.json").read_text()) | {"torch_dtype": name, "dtype": name}
        (tmp_path / "model/config.json").write_text(json.dumps(config))
        result = run(golong, tmp_path / "in.jsonl", tmp_path / name, model=tmp_path / "model")
        assert result.returncode == 0, result.stderr
        results.append((tmp_path / name).read_text())
    assert results[0] == results[1]

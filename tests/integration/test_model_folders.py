"""Model folders that are not what they should be: every command says which file and what is wrong, and goes on with no
wrong model."""
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "data" / "model"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(MODELS / "tied", tmp_path / "model")
    return tmp_path / "model"


def logprobs(golong, folder):
    (folder / "in.jsonl").write_text('{"id": 0, "prompt_ids": [1, 2], "response_ids": [3, 4]}\n')
    return golong("logprobs", "--model", folder, "--input", folder / "in.jsonl", "--output", folder / "out.jsonl")


def refused(result, *parts):
    assert result.returncode == 1, result.stderr
    assert all(part in result.stderr for part in parts), result.stderr


def test_a_truncated_file_is_named(golong, folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    refused(logprobs(golong, folder), str(path), "truncated")


def test_a_page_that_came_in_place_of_the_weights_is_named(golong, folder):
    (folder / "model.safetensors").write_text("<!DOCTYPE html><html>Access denied</html>")
    refused(logprobs(golong, folder), "model.safetensors", "is no safetensors file")


def test_what_stays_of_git_lfs_is_named(golong, folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    refused(logprobs(golong, folder), "model.safetensors", "is no safetensors file")


def test_a_config_of_another_model_is_named(golong, folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 48}))
    refused(logprobs(golong, folder), "model.embed_tokens.weight: expected [37, 48], found [37, 24]")


def test_weights_that_are_no_number_are_named_where_they_matter(golong, folder):
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][0, 0] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    refused(logprobs(golong, folder), "in.jsonl:1", "response token 0 is not finite", str(folder))


def test_a_tokenizer_with_more_tokens_than_the_model_is_named(golong, folder):
    for path in (ROOT / "configs" / "demo" / "model").glob("tokenizer*.json"):
        shutil.copy(path, folder)
    result = golong("train", ROOT / "configs" / "demo.toml", "--set", f"model.path={folder}", "--set",
                    f"run.directory={folder / 'run'}", cwd=ROOT)
    refused(result, "config.json: vocab_size is 37, tokenizer.json has 2048 tokens")

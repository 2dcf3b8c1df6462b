"""golong tokenize against the package tokenizers, on the small tokenizer of the tests and on one trained here."""
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
TOKENIZER = ROOT / "tests/data/tokenizer"
TEXTS = [case["text"] for case in json.loads((TOKENIZER / "encode_cases.json").read_text())]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path):
    return [json.loads(line) for line in path.read_text().split("\n") if line]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tokenizer made by tools/train_tokenizer.py from texts and from dataset rows."""
    folder = tmp_path_factory.mktemp("trained")
    text = folder / "text.txt"
    text.write_text((ROOT / "LICENSE").read_text() + "灯塔在夜里亮着。合作社今年收了三次稻子。" * 5)
    rows = write(folder / "rows.jsonl", [
        {"prompt": [{"role": "user", "content": "Which harbour? zyxwv zyxwv"}],
         "reward_model": {"ground_truth": {"doc_ids": ["zyxwv"], "golden_label": None}}}] * 4)
    subprocess.run([sys.executable, ROOT / "tools/train_tokenizer.py", "--input", text, rows, "--vocabulary", "700",
                    "--output", folder], check=True)
    return folder


def test_encodes_decodes_and_counts_as_the_package(golong, trained, tmp_path):
    source = write(tmp_path / "in.jsonl", [{"id": i if i % 2 else f"row {i}", "text": t} for i, t in enumerate(TEXTS)])
    for model in (TOKENIZER, trained, trained / "tokenizer.json"):
        reference = Tokenizer.from_file(str(model if model.suffix else model / "tokenizer.json"))
        expected = [reference.encode(text, add_special_tokens=False).ids for text in TEXTS]
        ids, texts, counts = tmp_path / "ids.jsonl", tmp_path / "texts.jsonl", tmp_path / "counts.jsonl"
        for arguments in (["--input", source, "--output", ids], ["--input", source, "--output", counts, "--count"],
                          ["--input", ids, "--output", texts, "--decode"]):
            result = golong("tokenize", "--model", model, *arguments)
            assert result.returncode == 0, result.stderr
        assert [row["ids"] for row in read(ids)] == expected
        assert [row["id"] for row in read(ids)] == [row["id"] for row in read(source)]
        assert [row["tokens"] for row in read(counts)] == [len(row) for row in expected]
        assert [row["text"] for row in read(texts)] == [reference.decode(row, skip_special_tokens=False)
                                                        for row in expected]
        assert golong("tokenize", "--model", model, "--input", ids, "--output", texts, "--decode",
                      "--skip-special").returncode == 0
        assert [row["text"] for row in read(texts)] == [reference.decode(row) for row in expected]


def test_a_trained_tokenizer_opens_in_transformers(trained):
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(trained)
    assert len(tokenizer) == 700 and tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "</think>"]) == [695, 699]
    text = tokenizer.apply_chat_template([{"role": "user", "content": "q"}], tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n<think>\n"


def test_ids_without_a_token_are_left_out_as_by_the_package(golong, tmp_path):
    reference = Tokenizer.from_file(str(TOKENIZER / "tokenizer.json"))
    ids = [*reference.encode("a word").ids, 99999, *reference.encode(" more").ids]
    (tmp_path / "in.jsonl").write_text(json.dumps({"ids": ids}) + "\n")
    result = golong("tokenize", "--model", TOKENIZER, "--decode", "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "out").read_text())["text"] == reference.decode(ids) == "a word more"


@pytest.mark.parametrize("row, arguments, message", [
    ('{"text": 3}', [], "in.jsonl:1: text is a number, expected a string"),
    ('{"id": 1}', [], "in.jsonl:1: text is nothing, expected a string"),
    ('{"text": "x"', [], "in.jsonl:1: the line is no JSON"),
    ('{"ids": [1, -1]}', ["--decode"], "in.jsonl:1: ids[1] is -1, expected a token id"),
])
def test_bad_rows_are_named_and_leave_no_output(golong, tmp_path, row, arguments, message):
    source = tmp_path / "in.jsonl"
    source.write_text(row + "\n")
    result = golong("tokenize", "--model", TOKENIZER, "--input", source, "--output", tmp_path / "out.jsonl", *arguments)
    assert result.returncode == 1 and message in result.stderr, result
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]

"""`golong chat`, as a program that is talked to through pipes."""
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "configs/demo/model"


@pytest.fixture
def chat(golong):
    def run(said, *options):
        result = golong("chat", "--model", MODEL, "--max-new-tokens", 24, "--temperature", 0, *options, input=said)
        assert result.returncode == 0, result.stderr
        return result
    return run


def summaries(result):
    return [line for line in result.stderr.splitlines() if line.startswith("(")]


def known(line):
    return int(line.split(" tokens computed, ")[1].split(" known")[0])


def test_answers_each_line_until_there_is_no_more(chat):
    result = chat("What is it?\n\n   \nAnd now?\n")
    assert len(summaries(result)) == 2 and all("tokens, " in line for line in summaries(result))
    assert result.stdout.strip()


def test_a_new_conversation_knows_nothing_of_the_old_one(chat):
    first = chat("What is it?\n").stdout
    assert chat("What is it?\n/new\nWhat is it?\n").stdout == first + first
    assert chat("What is it?\nWhat is it?\n").stdout != first + first


def test_a_document_is_computed_once(chat, tmp_path):
    document = tmp_path / "document.txt"
    document.write_text("".join(f"Package {i} depends on package {i + 1}.\n" for i in range(40)))
    first, second = summaries(chat("What depends on package 3?\nAnd on package 5?\n", "--document", document))
    assert known(first) == 0 and known(second) > 300


def test_a_conversation_that_is_too_long_is_refused_and_goes_on(chat):
    result = chat("word " * 3000 + "\nWhat is it?\n")
    long, answer = summaries(result)
    assert "tokens, the model has" in long and "/new begins a new conversation" in long
    assert "tokens computed" in answer


def test_a_stop_string_ends_the_answer(chat):
    whole = chat("What is it?\n").stdout.rstrip("\n")
    stop = whole[len(whole) // 2:][:3]
    assert stop.strip()
    assert chat("What is it?\n", "--stop", stop).stdout == whole[:whole.index(stop)] + "\n"

"""No answer stops or crashes the scoring: strange responses and golds to every reward, as `golong score` sees them.

Each row ends within its deadline, in the threads of the program, with a score or an outcome; memory stays bounded.
Responses of 10 MB are in tests/long.
"""
import json

import pytest

from tests.bad_input import END, LINES, MEGABYTE, REWARDS, check, encoded, row, score

DEEP = 100_000


def tower(start, middle, end, levels):
    return start * levels + middle + end * levels


# What a model might write; each also inside of a box and after "[Answer]", where rewards look first.
RESPONSES = {
    "empty": "",
    "only white space": " \t\r\n\u3000" * 20_000,
    "NUL bytes": "\0" * 100_000 + "alpha one\0\n\0",
    "brackets": "[" * DEEP,
    "closed brackets": tower("[", "1", "]", DEEP),
    "braces": "{" * DEEP,
    "objects": tower('{"data":', "1", "}", DEEP),
    "tables": '{"data": ' + tower("[", "1", "]", DEEP) + "}",
    "parentheses": tower("(", "1", ")", DEEP),
    "LaTeX groups": tower("{", "1", "}", DEEP),
    "closing brackets": "]" * DEEP + "}" * DEEP + ")" * DEEP,
    "lines": "\n".join(f"line {i}" for i in range(DEEP)),
    "the same line": "alpha one\n" * DEEP,
    "empty lines": "\n" * DEEP,
    "fractions": tower(r"\frac{1}{", "2", "}", 20_000),
    "fractions on top": tower(r"\frac{", "2", "}{3}", 20_000),
    "roots": tower(r"\sqrt{", "2", "}", 20_000),
    "powers": "2" + "^{2" * 20_000 + "}" * 20_000,
    "signs": "-" * DEEP + "1",
    "a tower of tens": "10^{10^{10}}",
    "a tower in words": "10^10^10 = 10**10**10",
    "a factorial": "(10^9)!",
    "a written factorial": "1000000000! = factorial(10^9)",
    "factorials": "3" + "!" * 10_000,
    "a huge power": r"9^{999999999} - 7^{888888888}",
    "a huge binomial": r"\binom{1000000000}{500000000}",
    "a huge sum": r"\sum_{i=1}^{1000000000} i^{i}",
    "a huge exponent": "1e999999999 and -1e-999999999",
    "a huge number": "9" * 1_000_000,
    "a huge decimal": "0." + "3" * 1_000_000,
    "a huge polynomial": "(x+1)^{100000}",
    "a product of sums": "(a+b+c+d)" * 2_000,
    "a sum of terms": "+".join(f"x_{i}" for i in range(10_000)),
    "boxes": r"\boxed{" * 20_000,
    "many boxes": r"\boxed{1} " * 20_000,
    "dollars": "$" * DEEP,
    "open formulas": "$1 " * 30_000,
    "commas": "1," * 50_000,
    "a set": r"\{" + ",".join(str(i) for i in range(20_000)) + r"\}",
    "a's": "a" * 100_000 + "!",
    "spaces and a sign": "1" + " " * 100_000 + "%",
    "answers": "final answer is " * 10_000,
    "tags": "<think" * 20_000 + "<answer>" * 20_000,
    "documents": "<relevant_doc_ids>" * 10_000 + "<|doc_183|>," * 10_000 + "<continue_reasoning>" * 10_000,
    "backslashes": "\\" * DEEP,
    "quotes": '"' * DEEP,
    "escapes": '{"data": [["' + "\\u0041" * DEEP + '"]]}',
    "lone surrogates": '{"data": [["' + "\\ud800" * DEEP + '"]]}',
    "a fence": "```json\n" * 20_000,
    "combining marks": "e" + "\u0301" * 100_000,
    "ideographs": "研究院预算农业科学院条例" * 10_000,
    "rare ideographs": "\U00020000" * 50_000,
    "emoji": "😀" * 50_000,
    "right to left": "\u202e\u0627" * 50_000,
    "many columns": json.dumps({"data": [list(range(50_000))]}),
    "many rows": json.dumps({"data": [[i, str(i)] for i in range(20_000)]}),
}

GOLDS = [
    None, 7, 1e300, True, "", "text", "[" * DEEP, [], {}, [[]], [{}], [None], {"doc_ids": None}, {"doc_ids": "text"},
    {"doc_ids": 5}, {"doc_ids": {}}, {"doc_ids": [None]}, {"doc_ids": [1, 2]}, {"doc_ids": [[], {}]}, {"doc_ids": [""]},
    {"doc_ids": []}, {"doc_ids": ["a"] * 10_000}, {"doc_ids": LINES, "golden_label": 5},
    {"golden_label": None}, {"golden_label": ""}, {"golden_label": []}, {"golden_label": {"data": 1}},
    {"golden_label": "\0"}, {"golden_label": "[" * DEEP}, {"golden_label": '{"data": ' + "[" * DEEP},
    {"golden_label": '{"data": 5}'}, {"golden_label": '{"data": [5]}'}, {"golden_label": "10^{10^{10}}"},
    {"golden_label": r"\frac{" * 20_000}, {"golden_label": "a" * MEGABYTE}, {"golden_label": "(10^9)!"},
    {"doc_ids": ["研究院预算" * 20_000], "summary": "Chinese"}, {"doc_ids": ["alpha beta. " * 20_000], "summary": "English"},
    {"doc_ids": LINES, "summary": 5}, {"doc_ids": LINES, "summary": "Klingon"}, {"doc_ids": LINES, "summary": ""},
]


@pytest.mark.parametrize("mode", ["released", "strict"])
@pytest.mark.parametrize("reward", REWARDS)
def test_strange_responses(golong, tmp_path, reward, mode):
    lines = []
    for name, text in RESPONSES.items():
        for where, around in [("alone", "{}"), ("announced", "[Answer]\n{}"), ("boxed", "The answer is $\\boxed{{{}}}$")]:
            lines.append(encoded(row(reward, f"{name}, {where}", END + around.format(text))))
    rows, seconds, memory = score(golong.program, lines, tmp_path, mode)
    check(rows)
    assert seconds < 30 and memory < 1000 * MEGABYTE


@pytest.mark.parametrize("mode", ["released", "strict"])
@pytest.mark.parametrize("reward", REWARDS)
def test_strange_golds(golong, tmp_path, reward, mode):
    lines = []
    for i, gold in enumerate(GOLDS):
        strange = row(reward, f"gold {i}", END + "[Answer]\nalpha one\n$\\boxed{5}$")
        strange["reward_model"]["ground_truth"] = gold
        lines.append(encoded(strange))
    rows, _, _ = score(golong.program, lines, tmp_path, mode)
    check(rows)


@pytest.mark.parametrize("reward", REWARDS)
def test_bytes_that_are_no_utf8_and_rows_that_are_no_rows(golong, tmp_path, reward):
    whole = encoded(row(reward, "bytes", END + "[Answer]\nBYTES"))
    lines = [whole.replace(b"BYTES", bytes) for bytes in (b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80" * 1000, b"\xe4\xb8")]
    lines += [whole[:-1], whole[:20], b"[" * DEEP, b"{", b"null", b"\xff", whole.replace(b'"response"', b'"answer"'),
              whole.replace(b'"reward_model"', b'"model"')]
    rows, _, _ = score(golong.program, lines, tmp_path, "released")
    check(rows)
    assert [row["outcome"] for row in rows[4:]] == ["error"] * 7 + [rows[-1]["outcome"]]
    assert rows[-1]["outcome"] != "scored"

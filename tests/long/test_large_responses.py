"""Responses of 10 MB to every reward: a score or an outcome within the deadline, in bounded memory."""
import os
from pathlib import Path

import pytest

from tests.bad_input import END, MEGABYTE, REWARDS, check, encoded, row, score

ROOT = Path(__file__).resolve().parents[2]
GOLONG = os.environ.get("GOLONG", str(ROOT / "build" / "bin" / "golong"))

LARGE = {
    "words": "alpha beta gamma " * (10 * MEGABYTE // 17),
    "sentences": ("alpha beta " * 33 + ". ") * (10 * MEGABYTE // 365),
    "one word": "a" * (10 * MEGABYTE),
    "digits": "7" * (10 * MEGABYTE),
    "ideographs": "研究院预算" * (10 * MEGABYTE // 15),
    "lines": "alpha one\n" * MEGABYTE,
    "other lines": "".join(f"item {i}\n" for i in range(10 * MEGABYTE // 12)),
    "brackets": "[" * (10 * MEGABYTE),
    "a table": '{"data": [' + ",".join(f'["a", {i}]' for i in range(600_000)) + "]}",
    "formulas": r"$\frac{1}{2}$ " * (10 * MEGABYTE // 14),
}


@pytest.mark.parametrize("reward", REWARDS)
def test_responses_of_ten_megabytes(tmp_path, reward):
    lines = [encoded(row(reward, name, END + "[Answer]\n" + text)) for name, text in LARGE.items()]
    rows, seconds, memory = score(GOLONG, lines, tmp_path, "released")
    check(rows)
    assert seconds < 60 and memory < 2000 * MEGABYTE

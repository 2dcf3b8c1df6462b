"""The rewards against the published functions on thousands of generated rows (rows.py, math_rows.py, compare.py).

The packages to compare with are in requirements-long.txt; GOLONG_REWARD_CASES=N tests N rows of each kind instead."""
import collections
import json
import os
import random

import pytest

pytest.importorskip("math_verify", reason="requirements-long.txt is not installed (make test-long does it)")

import math_rows  # noqa: E402
import rows  # noqa: E402
from compare import differences, golong_scores  # noqa: E402
from published import METRIC_OF  # noqa: E402

OTHER, MATH = (int(os.environ.get("GOLONG_REWARD_CASES", n)) for n in (3400, 2000))


def describe(found):
    return "\n".join(f"{row['kind']}: published {want}, golong {got['score']} {got['outcome']} {got['detail']}\n  "
                     f"{json.dumps(row, ensure_ascii=False)[:1500]}" for row, want, got in found[:10])


def test_everything_but_numbers_is_scored_as_published():
    made = rows.rows(random.Random(20240601), OTHER)
    found = differences(made)
    assert not found, f"{len(found)} of {len(made)} rows differ\n" + describe(found)
    if OTHER >= 3000:  # nothing is left out
        assert {row["extra_info"].get("reward_mode") for row in made} >= set(METRIC_OF)


def test_numbers_are_scored_as_published():
    made = math_rows.rows(random.Random(20240602), MATH)
    found = differences(made)
    assert len(found) <= len(made) / 100, f"{len(found)} of {len(made)} rows differ\n" + describe(found)
    wrong_one = [one for one in found if one[1] == 0 and one[2]["score"] == 1]
    assert not wrong_one, "a wrong answer was rewarded\n" + describe(wrong_one)


def test_numbers_compare_both_ways_in_strict_mode():
    rng = random.Random(20240603)
    pairs = []
    while len(pairs) < 1500:
        gold, same, other = rng.choices(*zip(*math_rows.MAKERS))[0](rng)
        pairs.append((gold, rng.choice(same + other)))

    def scores(pairs):
        made = [math_rows.row("math_longcot_math_verify", "math_verify", gold, f"</think>\\boxed{{{answer}}}", "symmetry")
                for gold, answer in pairs]
        return [line["score"] for line in golong_scores(made, "strict")]
    forth, back = scores(pairs), scores([(b, a) for a, b in pairs])
    differ = [(*pair, f, b) for pair, f, b in zip(pairs, forth, back) if f != b]
    assert not differ, f"{len(differ)} pairs score otherwise the other way round: {differ[:20]}"
    assert collections.Counter(forth)[1.0] > 300

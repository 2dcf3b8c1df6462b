"""golong.advantages against reference batches, and against the definitions where they are short enough to write down."""
import json
import math
import random
import threading
from pathlib import Path

import golong
import numpy as np
import pytest

CASES = [json.loads(line) for line in
         (Path(__file__).parent.parent / "data" / "normalizer_cases.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']}-{case['normalizer']}")
def test_reference_batches(case):
    result = golong.advantages(case["normalizer"], case["rewards"], case["groups"], case["tasks"], **case["params"])
    np.testing.assert_allclose(result, case["advantages"], rtol=1e-5, atol=1e-9)


def test_every_normalizer_has_reference_batches():
    assert {case["normalizer"] for case in CASES} >= {"grpo", "dr_grpo", "tmn_reweight", "task_batch"}


def test_result_is_a_float64_array():
    result = golong.advantages("grpo", [1, 0], ["a", "a"])
    assert isinstance(result, np.ndarray) and result.dtype == np.float64 and result.shape == (2,)
    assert golong.advantages("grpo", [], []).shape == (0,)


def test_lists_tuples_and_arrays_are_the_same():
    rewards, groups, tasks = [1, 0.25, 0, 1], [5, 5, 6, 6], ["x", "x", "y", "y"]
    expected = golong.advantages("tmn_reweight", rewards, groups, tasks, alpha=0.5)
    for make in (tuple, np.array, lambda values: np.array(values)[::1], lambda values: np.array(values, dtype=object)):
        np.testing.assert_array_equal(
            golong.advantages("tmn_reweight", make(rewards), make(groups), make(tasks), alpha=np.float64(0.5)), expected)
    np.testing.assert_array_equal(
        golong.advantages("tmn_reweight", np.array(rewards, dtype=np.float32), groups, tasks, alpha=0.5), expected)


def test_responses_may_stand_in_any_order():
    rng = random.Random(3)
    groups = [f"g{i // 4}" for i in range(40)]
    tasks = [f"t{i // 12}" for i in range(40)]
    rewards = [rng.random() for _ in range(40)]
    expected = golong.advantages("tmn_reweight", rewards, groups, tasks)
    order = list(range(40))
    rng.shuffle(order)
    shuffled = golong.advantages("tmn_reweight", *([column[i] for i in order] for column in (rewards, groups, tasks)))
    np.testing.assert_allclose(shuffled, expected[order], rtol=1e-12)


def test_groups_are_any_hashable():
    expected = golong.advantages("grpo", [1, 0, 1, 0.5], [0, 0, 1, 1])
    for a, b in [("x", "y"), ((1, 2), (1, 3)), (None, 0), (frozenset({1}), 1.5), (2**70, -1)]:
        np.testing.assert_array_equal(golong.advantages("grpo", [1, 0, 1, 0.5], [a, a, b, b]), expected)


def test_without_tasks_all_are_one_task():
    rewards, groups = [1, 0, 0.5, 0.25], [1, 1, 2, 2]
    np.testing.assert_array_equal(golong.advantages("tmn_reweight", rewards, groups),
                                  golong.advantages("tmn_reweight", rewards, groups, ["k"] * 4))


def test_grpo_by_hand():
    # mean 0.5, sample standard deviation 0.5774
    result = golong.advantages("grpo", [1, 0, 0, 1], [0] * 4, epsilon=0.0)
    np.testing.assert_allclose(result, np.array([1, -1, -1, 1]) * 0.5 / math.sqrt(1 / 3), rtol=1e-9)


def test_what_was_not_scored_counts_for_nothing():
    expected = golong.advantages("tmn_reweight", [1, 0, 0.5, 0], [1, 1, 2, 2])
    result = golong.advantages("tmn_reweight", [1, None, 0, 0.5, 0], [1, 1, 1, 2, 2])
    assert result[1] == 0
    np.testing.assert_array_equal(np.delete(result, 1), expected)


def test_parameters_change_the_result():
    batch = ([1, 0, 0, 0, 1, 1, 1, 0], [0] * 4 + [1] * 4)
    plain = golong.advantages("tmn_reweight", *batch, gamma=0)
    assert np.abs(plain[:4].sum()) < 1e-12
    assert np.abs(golong.advantages("tmn_reweight", *batch, gamma=1.0)[:4].sum()) > 1e-3


def test_threads_may_call_at_once():
    case = max(CASES, key=lambda case: len(case["rewards"]))
    results = [None] * 8

    def work(i):
        for _ in range(20):
            results[i] = golong.advantages(case["normalizer"], case["rewards"], case["groups"], case["tasks"],
                                           **case["params"])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("call, message", [
    (lambda: golong.advantages("tmn_rewieght", [1], [1]), "did you mean tmn_reweight"),
    (lambda: golong.advantages("grpo", [1, 2], [1]), "groups has 1 entries, rewards has 2"),
    (lambda: golong.advantages("grpo", [1, 2], [1, 1], ["a"]), "tasks has 1 entries"),
    (lambda: golong.advantages("grpo", [1, 2], [1, 1], ["a", "b"]), r"tasks\[1\] is 'b'"),
    (lambda: golong.advantages("grpo", [1, float("nan")], [1, 1]), r"rewards\[1\] is nan"),
    (lambda: golong.advantages("grpo", [1, float("inf")], [1, 1]), r"rewards\[1\] is inf"),
    (lambda: golong.advantages("grpo", [1, "x"], [1, 1]), r"rewards\[1\] is no number but 'x'"),
    (lambda: golong.advantages("grpo", [1, 2], [[], []]), "not hashable"),
    (lambda: golong.advantages("grpo", "12", [1, 1]), "rewards must be a list or an array, not str"),
    (lambda: golong.advantages("grpo", 3, [1, 1]), "rewards must be a list or an array, not int"),
    (lambda: golong.advantages("tmn_reweight", [1], [1], alpah=1), "alpah; did you mean .*alpha"),
    (lambda: golong.advantages("tmn_reweight", [1], [1], alpha=7), "alpha"),
    (lambda: golong.advantages("tmn_reweight", [1], [1], alpha="x"), "alpha"),
    (lambda: golong.advantages("tmn_reweight", [1], [1], alpha=[1]), "alpha must be a number"),
    (lambda: golong.advantages("grpo", [1], [1], lengths=[-1]), "lengths"),
    (lambda: golong.advantages("grpo", [1], [1], lengths=["x"]), "lengths"),
])
def test_mistakes_are_explained(call, message):
    with pytest.raises(golong.Error, match=message):
        call()

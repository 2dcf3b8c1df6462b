"""golong.score: rows in, results out."""
import os
import signal
import threading
from pathlib import Path

import golong
import pytest

END = "thinking</think>\n"


def row(response, **changes):
    return {"data_source": "EM", "reward_model": {"ground_truth": {"golden_label": "42"}}, "response": response} | changes


def test_one_response():
    right, wrong = golong.score([row(END + "42", id="a"), row(END + "41", id=7)])
    assert right == {"id": "a", "task": "precise_retrieval", "reward": "em", "score": 1.0, "outcome": "scored",
                     "detail": right["detail"]}
    assert wrong["id"] == 7 and wrong["score"] == 0.0 and wrong["outcome"] == "scored"
    assert isinstance(right["score"], float) and isinstance(right["detail"], str)


def test_a_list_of_responses_gives_lists():
    result, = golong.score([row([END + "42", END + "no", "42"])])
    assert result["score"] == [1.0, 0.0, 0.0]  # the last one has no </think>
    assert result["outcome"] == ["scored"] * 3 and len(result["detail"]) == 3
    assert result["id"] is None
    empty, = golong.score([row([])])
    assert empty["score"] == [] and empty["outcome"] == []


def test_order_is_kept():
    rows = [row(END + f"{i % 3}", id=i, reward_model={"ground_truth": {"golden_label": "1"}})
            for i in range(300)]
    results = golong.score(iter(rows))
    assert [result["id"] for result in results] == list(range(300))
    assert [result["score"] for result in results] == [float(i % 3 == 1) for i in range(300)]


def test_rows_that_cannot_be_scored_do_not_spoil_the_others():
    strange, known = golong.score([row(END + "x", data_source="nobody_knows_this"), row(END + "42")])
    assert strange["score"] is None and strange["outcome"] == "unscorable" and "nobody_knows_this" in strange["detail"]
    assert strange["reward"] is None
    assert known["score"] == 1.0


def test_config_decides():
    text = "42"  # without </think>
    assert golong.score([row(text)])[0]["score"] == 0.0
    config = golong.Config(["rewards.gate=false", 'routes."mine".reward=em', 'routes."mine".task=precise_retrieval'])
    assert golong.score([row("42")], config)[0]["score"] == 1.0
    assert golong.Scorer(config).score([row("42", data_source="mine")])[0]["score"] == 1.0
    config.rewards.gate = True  # a scorer keeps the config that it was made with
    assert golong.Scorer(config).score([row(text)])[0]["score"] == 0.0


def test_other_languages_and_strange_text():
    result, = golong.score([row([END + "四十二", "\x00\x01" + END, "", "😀" * 1000 + END],
                                reward_model={"ground_truth": {"golden_label": "四十二"}})])
    assert result["score"] == [1.0, 0.0, 0.0, 0.0]


def test_threads_may_score_at_once():
    scorer = golong.Scorer()
    found = []

    def work(label):
        rows = [row(END + f"{label}", reward_model={"ground_truth": {"golden_label": str(i)}}) for i in range(20)]
        found.append((label, [result["score"] for result in scorer.score(rows)]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for label, scores in found:
        assert scores == [float(i == label) for i in range(20)]


@pytest.mark.parametrize("bad, message", [
    ({"data_source": "EM"}, "no column response"),
    (row(3), "response"),
])
def test_malformed_rows_are_errors_of_their_own(bad, message):
    results = golong.score([row(END + "42"), bad])
    assert results[0]["score"] == 1.0
    assert results[1]["score"] is None and results[1]["outcome"] == "error"
    assert "rows[1]" in results[1]["detail"] and message in results[1]["detail"]


@pytest.mark.parametrize("rows, message", [
    ([row("x"), 5], r"rows\[1\]: expected a dict, not int"),
    ([row("x", extra_info={"a": object()})], r"rows\[0\].*not JSON serializable"),
    ([row("x", extra_info={"a": float("nan")})], r"rows\[0\]"),
])
def test_what_is_no_row_is_named(rows, message):
    with pytest.raises(golong.Error, match=message):
        golong.score(rows)


def test_nothing_to_score():
    assert golong.score([]) == []


def test_a_config_that_names_no_plugin_is_refused():
    with pytest.raises(golong.Error, match="did you mean"):
        golong.Scorer(golong.Config(["train.normalizer=gpro"]))


def is_dead(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def workers():
    """The processes of isolated rewards that this one started, and that live."""
    pids = [int(pid) for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()]
    return [pid for pid in pids if Path(f"/proc/{pid}/comm").read_text().strip() == "golong-worker" and not is_dead(pid)]


def test_an_isolated_reward_scores_in_processes_of_its_own():
    rows = [row([END + "42", END + f"{i}"], id=i) for i in range(20)]
    here = golong.Scorer().score(rows)
    assert not workers()
    scorer = golong.Scorer(golong.Config(["rewards.em.isolate=true"]))
    assert scorer.score(rows) == here
    started = workers()
    assert started
    for pid in started:
        os.kill(pid, signal.SIGKILL)
        while not is_dead(pid):
            os.sched_yield()
    assert scorer.score(rows) == here  # others take their places
    assert workers()
    del scorer
    assert not workers()

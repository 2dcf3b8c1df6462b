"""The rows that the rewards are measured on, in named sets: the cases of the project's tests, rows of the generators of
tests/long/rewards, summaries made of the demo's documents. Each response thinks before it answers: a few hundred to a few
thousand characters, or 16K tokens. The same rows in every run."""
import functools
import json
import random
import re
import sys
from dataclasses import dataclass

from measure import ROOT

sys.path.insert(0, str(ROOT / "tests/long/rewards"))
import math_rows  # noqa: E402
import rows as other_rows  # noqa: E402
from published import METRIC_OF  # noqa: E402

REWARD_OF = {"math": "math_verify", "IoU": "iou", "EM": "em", "F1_Score": "f1", "SubEM": "sub_em", "NDCG": "ndcg",
             "Pairwise_Accuracy": "pairwise", "Accuracy": "accuracy", "selection": "accuracy"}
REWARD_OF_SOURCE = {"multitableqa_pretraining": "iou", "selection": "accuracy", "EM": "em"}
GENERATORS = {"math_verify": [math_rows.math_row], "iou": [other_rows.table_row], "em": [other_rows.exact_row],
              "accuracy": [other_rows.items_row, other_rows.selection_row]}
GENERATED, LONG = 300, 40  # rows of a set
THOUGHT = (200, 4000)  # characters
TOKENS_16K = {"English": 64_000, "Chinese": 24_000}  # characters


@dataclass
class RowSet:
    name: str
    reward: str
    rows: list
    is_long: bool = False  # at least 2,000 characters in each response


def sets():
    for reward in ("em", "accuracy", "f1", "sub_em", "pairwise", "iou", "ndcg", "math_verify"):
        short = cases(reward) + generated(reward, GENERATED, THOUGHT)
        yield RowSet(reward, reward, [row for row in short if is_marked(row)])
        if reward != "math_verify":  # which looks at the last 500 characters
            long = generated(reward, LONG, (TOKENS_16K["English"], TOKENS_16K["English"]))
            yield RowSet(f"{reward}, 16K tokens", reward, [row for row in long if is_marked(row)], is_long=True)
        unmarked = [row for row in short if not is_marked(row)]
        if unmarked:  # the thought is read as items, too
            yield RowSet(f"{reward}, no answer marker", reward, unmarked)
    for language, tokens_16k in TOKENS_16K.items():
        name = f"rouge_l {language}"
        yield RowSet(name, "rouge_l", summaries(language, 60, 200, 1200))
        yield RowSet(f"{name}, 2,000 to 8,000 characters", "rouge_l", summaries(language, 24, 2000, 8000), is_long=True)
        yield RowSet(f"{name}, 16K tokens", "rouge_l", summaries(language, 6, tokens_16k, tokens_16k), is_long=True)


@functools.cache
def passages(language):
    """Sentences of the demo's documents, in one language."""
    found = []
    for line in open(ROOT / "configs/demo/data/train.jsonl"):
        text = json.loads(line)["prompt"][0]["content"]
        is_chinese = len(re.findall("[\u4e00-\u9fff]", text)) > len(text) / 5
        if is_chinese == (language == "Chinese"):
            found += [part.strip() for part in re.split(r"(?<=[.。])\s*", text) if 20 < len(part.strip()) < 400]
    return found


def prose(draw, language, size):
    """At least `size` characters of sentences."""
    space, chosen, length = "" if language == "Chinese" else " ", [], 0
    while length < size:
        chosen.append(draw.choice(passages(language)))
        length += len(chosen[-1]) + len(space)
    return space.join(chosen)


def cases(reward):
    rows = map(json.loads, open(ROOT / "tests/data/reward_cases.jsonl"))
    return [row for row in rows if REWARD_OF.get(row["metric"]) == reward]


def reward_of(row):
    if "math_longcot" in row["data_source"]:
        return "math_verify"
    return REWARD_OF_SOURCE.get(row["data_source"]) or REWARD_OF.get(METRIC_OF.get(row["extra_info"].get("reward_mode")))


def is_marked(row):
    """Does a list of items stand behind its marker? True for rows of another form."""
    text = row["response"]
    return row["data_source"] != "longbench_pro" or "[Answer]" in text or "[答案]" in text


def has_gold(row):
    """False for an empty list of items: trec_eval ends the process, the published code scores 0 without looking."""
    gold = row["reward_model"]["ground_truth"]
    last = gold[-1] if isinstance(gold, list) and gold else gold
    return row["data_source"] != "longbench_pro" or len(last["doc_ids"]) > 0


def generated(reward, count, thought):
    draw, made = random.Random(f"{reward} {thought}"), []
    while len(made) < count:
        row = draw.choice(GENERATORS.get(reward, [other_rows.items_row]))(draw)
        if reward_of(row) == reward and has_gold(row):
            thinking = prose(draw, draw.choice(["English", "English", "Chinese"]), draw.randint(*thought))
            made.append({**row, "id": f"{row['kind']} {len(made)}", "response": f"{thinking}\n{row['response']}"})
    return made


def summaries(language, count, shortest, longest):
    """Rows whose response shares some sentences with a reference of 300 to 800 characters."""
    draw, space = random.Random(f"{language} {shortest}"), "" if language == "Chinese" else " "
    rows = []
    for i in range(count):
        reference = prose(draw, language, draw.randint(300, 800))
        shared = space.join(sentence for sentence in re.split(r"(?<=[.。])", reference) if draw.random() < 0.5)
        # Full stops of ASCII in what is thought: without any, the published code runs out of stack and scores 0.
        thought = prose(draw, language, draw.randint(shortest, longest)).replace("。", ". ")
        gold = {"doc_ids": [reference], "golden_label": "", "summary": language}
        rows.append({"id": f"{language} {i}", "data_source": "longbench_pro", "reward_model": {"ground_truth": gold},
                     "extra_info": {"reward_mode": "T4.1 Global-Coverage Constrained Summary"},
                     "response": f"{thought}\n</think>\n{shared}"})
    return rows

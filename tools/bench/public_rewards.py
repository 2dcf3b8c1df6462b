"""The rewards over the public Python packages, as the published system computes them: what golong's are measured by.

Each function takes a row of the dataset and its response, and returns the score.
"""
import json
import re
import warnings

import jieba
import pytrec_eval
from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify
from rouge import Rouge

jieba.setLogLevel(60)
warnings.filterwarnings("ignore", module="sympy|math_verify|latex2sympy2_extended")
ROUGE_L = Rouge(metrics=["rouge-l"])
CONFIGS = [LatexExtractionConfig(), ExprExtractionConfig()]


def gold_of(row):
    gold = row["reward_model"]["ground_truth"]
    return gold[-1] if isinstance(gold, list) else gold


def after_think(text):
    return text.rpartition("</think>")[2]


def normal(text):
    return " ".join(text.lower().split())


def predicted(text):
    for marker in ("[Answer]", "[答案]"):
        if marker in text:
            text = text[text.rfind(marker) + len(marker):]
            break
    return [normal(line) for line in text.strip().lower().split("\n")]


def answers(row):
    return [normal(item) for item in gold_of(row)["doc_ids"]]


def accuracy(row, text):
    if row["data_source"] == "selection":
        return selection(row, text)
    return float(answers(row)[0] == predicted(text)[0])


def chosen(text):
    text = text.replace("*", "")
    found = (re.search(r"The correct answer is \(([A-D])\)", text) or re.search(r"The correct answer is ([A-D])", text))
    return found.group(1) if found else None


def selection(row, text):
    label, answer = gold_of(row)["golden_label"], chosen(after_think(text))
    return float(answer is not None and answer in (label, chosen(label)))


def f1(row, text):
    gold, found = set(answers(row)), set(predicted(text))
    common = len(gold & found)
    if common == 0:
        return 0.0
    precision, recall = common / len(found), common / len(gold)
    return 2 * precision * recall / (precision + recall)


def sub_em(row, text):
    gold, found = answers(row), predicted(text)
    return sum(item in found for item in gold) / len(gold)


def pairwise(row, text):
    gold, found = answers(row), predicted(text)
    if len(gold) <= 1 or len(found) <= 1:
        return 0.0
    place = {item: i for i, item in enumerate(found)}
    correct = sum(a in place and b in place and place[a] < place[b] for i, a in enumerate(gold) for b in gold[i + 1:])
    score = correct / (len(found) * (len(found) - 1) // 2)
    return score if score <= 1 else 0.0


def ndcg(row, text):
    gold, found = answers(row), predicted(text)
    relevance = {item: len(gold) - i for i, item in enumerate(gold)}
    run = {item: len(found) - i for i, item in enumerate(found)}
    cut = len(gold)
    evaluator = pytrec_eval.RelevanceEvaluator({"q": relevance}, {f"ndcg_cut.{cut}"})
    return evaluator.evaluate({"q": run})["q"][f"ndcg_cut_{cut}"]


def rouge_l(row, text):
    gold = gold_of(row)
    words = (lambda t: " ".join(jieba.cut(normal(t)))) if gold["summary"] == "Chinese" else normal
    prediction = words(text)
    try:
        return max(ROUGE_L.get_scores([prediction], [words(item)], avg=True)["rouge-l"]["f"]
                   for item in gold["doc_ids"])
    except (ValueError, RecursionError):
        return 0.0


def em(row, text):
    return float(gold_of(row)["golden_label"].strip() == after_think(text).strip())


def iou(row, text):
    gold = row["reward_model"]["ground_truth"]
    if "golden_label" in gold:
        try:
            gold = json.loads(gold["golden_label"])
        except (json.JSONDecodeError, TypeError):
            return 0.0
    gold = gold.get("data", []) if isinstance(gold, dict) else []
    answer = text.split("<answer>", 1)[1].split("</answer>", 1)[0] if "<answer>" in text else text
    try:
        found = json.loads(answer.strip())
    except ValueError:
        found = {}
    found = found.get("data", []) if isinstance(found, dict) else []
    if not isinstance(found, list):
        return 0.0

    def key(entry):
        return tuple(map(str, entry)) if isinstance(entry, list) else str(entry)

    left, matched = {}, 0
    for entry in map(key, gold):
        left[entry] = left.get(entry, 0) + 1
    for entry in map(key, found):
        if left.get(entry, 0) > 0:
            left[entry] -= 1
            matched += 1
    union = len(found) + len(gold) - matched
    return matched / union if union else 0.0


def math_verify(row, text):
    gold = gold_of(row)
    gold = gold if isinstance(gold, str) else gold["golden_label"]
    try:
        found = parse(text[-500:], CONFIGS)
        if len(found) < 2:
            return 0.0
        if found[1] == gold:
            return 1.0
        return float(verify(parse(f"\\boxed{{{gold}}}", CONFIGS), found))
    except Exception:  # as the published reward: what cannot be parsed is wrong
        return 0.0

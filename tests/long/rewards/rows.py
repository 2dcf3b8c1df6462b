"""Rows of all kinds but numbers: each generator hits one part of the definition often. A generator takes a random.Random
and gives a row {data_source, extra_info, reward_model, response}; `kind` says which one made it."""
import json

import jieba

from published import METRICS

SPACES = [" ", "  ", "\t", "\u3000", "\xa0", "\u2003", "\u2028", "\u2029", "\x85", "\x1c", "\x1f", "\x0b", "\x0c", "\r", "\u1680", "\u202f", "\u205f"]
NO_SPACES = ["\u200b", "\u180e", "\ufeff", "\u2060", "\u200d", "\x07"]
ENGLISH = """the of harbor ledger tariff bridge Corwin Zimmerli was approved in 1880 before Larkhaven replaced a sealed mosaic
budget passed through Tarn Valley on its way to Cobalt Bay each clause requires Motors have sample doubled within 630 days
greenhouse Engine REPORTED 3.5 U.S. e.g. co-op O'Neil naïve Zoë straße ΟΔΥΣΣΕΥΣ İstanbul don't e-mail src/a.py:17 [12] 7% $5.20
and and the the""".split()
CASED = ["ΑΣ", "Σ", "ΣΑ", "ΑΣ.", "Σ'Α", "ΑΣ\xadΑ", "İ", "I\u0307", "ẞ", "ǅ", "Å", "Ω", "Ⅷ", "ﬃ", "Ⓐ", "Ａ", "𐐀", "Ꭰ", "Ა", "K", "Ŀ", "É", "E\u0301"]
HAN = ("题目问的是证券公司应该在文章的后半部分我觉得这个数字指的是知识产权先看一下关于冰川的那一段现在可以写出最终结果了"
       "按照时间顺序排列成都应该排在前面杨伟是在温室被暂停之后才到的欧阳志强上官建华研究所发布了报告永和服装饰品有限公司")
RARE_HAN = "㐀㐁鿕鿖龥𠀀𡃁饕餮魑魅"


def pick(rng, *weighted):
    """One of (weight, value) pairs."""
    return rng.choices([value for _, value in weighted], [weight for weight, _ in weighted])[0]


def jieba_words():
    if not jieba.dt.initialized:
        jieba.initialize()
    if not hasattr(jieba_words, "list"):
        jieba_words.list = sorted(word for word, count in jieba.dt.FREQ.items() if count and len(word) < 6)
    return jieba_words.list


def chinese(rng, length):
    out = ""
    while len(out) < length:
        start = rng.randrange(len(HAN))
        out += pick(rng, (6, rng.choice(jieba_words())), (3, HAN[start:start + rng.randint(1, 8)]),
                    (1, rng.choice("，。；：、（）！？“”")), (.3, rng.choice(RARE_HAN)), (.5, rng.choice(ENGLISH)),
                    (.4, rng.choice(["3.5%", "2019年", "12", ".", "1,000", "C++", "A_b-c", "T恤", "ＡＢ", "%", "3.", "é", "\u3000", " ", "１２", "\n"])))
    return out


def english(rng, words):
    return " ".join(rng.choice(ENGLISH) for _ in range(words))


def item(rng):
    return pick(rng, (5, english(rng, rng.randint(1, 4))), (2, chinese(rng, rng.randint(1, 6)).strip()), (1, f"[{rng.randint(1, 30)}]"),
                (1, str(rng.randint(0, 99))), (1, rng.choice(CASED) + rng.choice(["", " x", rng.choice(CASED)])), (.3, ""))


def spaced(rng, text):
    """Other whitespace, same item; seldom what only looks like whitespace."""
    if rng.random() < .3:
        text = text.replace(" ", rng.choice(SPACES))
    if rng.random() < .3:
        text = rng.choice(SPACES) + text + rng.choice(SPACES)
    if rng.random() < .05:
        text += rng.choice(NO_SPACES)
    return text


def recased(rng, text):
    return pick(rng, (6, text), (1, text.upper()), (1, text.lower()), (1, text.title()), (.3, text.swapcase()))


# ------------------------------------------------------------------------------------------------------- the response

def thought(rng):
    text = pick(rng, (3, english(rng, rng.randint(0, 30))), (1, chinese(rng, 40)), (.3, ""))
    return text + pick(rng, (12, ""), (1, "\n[Answer] first idea\n"), (1, "[答案]"), (1, " <answer>{\"data\": []}</answer>"), (1, "<answer>"),
                       (1, " The correct answer is (A) "), (1, "\\boxed{3}"), (.5, "<think"))


def respond(rng, answer, thinking=None):
    """`answer` after a thought; one in twelve shakes the gate."""
    before = thought(rng) if thinking is None else thinking
    gap = rng.choice(["\n\n", "\n", "", " ", "\u3000"])
    plain = pick(rng, (1, "<think>\n"), (2, "")) + before + "\n</think>" + gap + answer
    if rng.random() > 1 / 12:
        return plain
    return rng.choice([
        before + gap + answer, plain + "\n</think>\n" + answer, before + "</think>" + answer + "<think>", before + "</think><think>" + answer,
        "<think><think>" + plain.replace("<think>", ""), "<think>" + before + answer, plain.replace("</think>", "</THINK>"),
        plain.replace("</think>", "< /think>"), plain.replace("</think>", "</think >"), "<think><think></think></think>" + answer,
        plain.replace("</think>", "</thinking>"), "</think>", "</think>" + answer, "</think></think>", "<think>x</think><think>" + answer, ""])


def struct(rng, items=(), label="", language="English"):
    gold = {"doc_ids": list(items), "golden_label": label, "summary": language}
    return pick(rng, (6, gold), (1, [gold]), (1, [{"doc_ids": ["x"], "golden_label": "x", "summary": "English"}, gold]))


def row(source, mode, gold, response, kind):
    extra = {} if mode is None else {"reward_mode": mode}
    return {"data_source": source, "extra_info": extra, "reward_model": {"ground_truth": gold}, "response": response, "kind": kind}


# ------------------------------------------------------------------------------------------------------- lists of items

def items_row(rng):
    metric = rng.choice(["NDCG", "Pairwise_Accuracy", "Accuracy", "F1_Score", "SubEM"])
    gold = [item(rng) for _ in range(pick(rng, (8, rng.randint(1, 8)), (1, 0), (1, rng.randint(20, 60))))]
    if gold and rng.random() < .25:
        gold.insert(rng.randrange(len(gold) + 1), recased(rng, rng.choice(gold)))  # twice
    given = list(gold)
    if rng.random() < .3:
        rng.shuffle(given)
    if rng.random() < .3 and len(given) > 1:
        i, j = rng.sample(range(len(given)), 2)
        given[i], given[j] = given[j], given[i]
    if rng.random() < .4:
        given = given[:rng.randint(0, len(given))]
    for _ in range(pick(rng, (5, 0), (3, rng.randint(1, 3)), (.5, 15))):
        extra = pick(rng, (3, item(rng)), (2, ""), (1, "   "), (2, rng.choice(given) if given else "z"))
        given.insert(rng.randrange(len(given) + 1), extra)
    given = [spaced(rng, recased(rng, one)) for one in given]
    if rng.random() < .1:
        given = [rng.choice(["- ", "1. ", "• ", "* "]) + one for one in given]
    body = rng.choice(["\n", "\n", "\n", "\n", "\r\n", "\n\n", "\r", "\u2028", ", ", " \n\t"]).join(given)
    marker = pick(rng, (8, "[Answer]\n"), (3, "[答案]\n"), (1, "[Answer] "), (1, "[Answer]"), (1, "[answer]\n"), (1, "[Answer]:\n"), (1, "**[Answer]**\n"),
                  (1, ""), (1, "［答案］\n"), (1, "[答案]x[Answer]\n"), (1, "[Answer]y\n[答案]\n"), (1, "[Answer]a\nb\n[Answer]\n"), (.5, "[ Answer ]\n"))
    after = pick(rng, (10, ""), (1, "\n\nThat is all."), (1, "\n"), (.5, "[Answer]"), (.5, "\n[答案]"), (.5, "\n\n\n"))
    before = pick(rng, (4, ""), (1, english(rng, 5) + "\n"))
    answer = before + marker + body + after
    gold = [spaced(rng, recased(rng, one)) for one in gold]
    mode = pick(rng, (40, rng.choice(METRICS[metric])), (1, "T12.1 Unknown"), (.5, ""), (.5, "t3.1 multi-doc integration qa"))
    # The label of a LongBench-Pro row is not looked at.
    label = pick(rng, (5, ""), (1, "A"), (.5, gold[0] if gold else "B"))
    if metric == "Accuracy" and not gold and label:
        answer = f"The correct answer is ({label})"
    return row("longbench_pro", mode, struct(rng, gold, label, rng.choice(["English", "Chinese", ""])), respond(rng, answer), "items " + metric)


# ------------------------------------------------------------------------------------------------------------- summary

def sentences(rng, count, language):
    out = ""
    for _ in range(count):
        if language == "Chinese":
            out += chinese(rng, rng.randint(3, 40)) + pick(rng, (5, "。"), (1, "."), (1, "\n"), (.5, " "))
        else:
            out += english(rng, rng.randint(1, 25)) + pick(rng, (6, ". "), (1, "! "), (1, ".\n\n"), (.5, ".."), (.5, " . "), (.5, ".\u3000"), (.3, "。"), (.3, ""))
    return out


def mutated(rng, text):
    words = text.split(" ")
    for _ in range(rng.randint(0, max(1, len(words) // 3))):
        at = rng.randrange(len(words))
        words[at:at + rng.randint(0, 3)] = pick(rng, (1, []), (1, [rng.choice(ENGLISH)]), (1, [rng.choice(words)]), (1, words[at:at + 2][::-1]))
        words = words or [""]
    return " ".join(words)


def summary_row(rng):
    language = rng.choice(["English", "Chinese"])
    gold = [sentences(rng, rng.randint(1, 5), language) for _ in range(rng.randint(1, 3))]
    source = rng.choice(gold)
    answer = pick(rng, (1, source), (4, mutated(rng, source)), (1, sentences(rng, 3, language)), (1, mutated(rng, source).upper()),
                  (.5, "".join(rng.sample(source, len(source)))), (.3, "."), (.3, "..."), (.2, ""), (.3, source[:5]), (.3, " ".join(source)))
    if rng.random() < .06:
        gold.append(rng.choice(["", ".", "...", " ", ". .", "\u3000", ".\n.", "x"]))
    if rng.random() < .02:
        gold = []
    answer = pick(rng, (3, ""), (1, "[Answer]\n"), (1, "Summary: ")) + answer
    named = pick(rng, (12, language), (.7, "chinese"), (.7, ""), (.7, "English"), (.7, "Chinese"))
    thinking = pick(rng, (1, None), (1, ""), (1, "."))
    return row("longbench_pro", rng.choice(METRICS["Summary"]), struct(rng, gold, "", named), respond(rng, answer, thinking), "summary " + named)


def recursion_row(rng):
    """Walks around the limit: rows of few words against texts of about a thousand, where Python is quick."""
    words = rng.choice([900, 960, 975, 1010, 1030, 1200])  # the very limit depends on the caller
    few = [f"q{i}" for i in range(rng.randint(1, 6))]
    text = [rng.choice(few) if rng.random() < .01 else f"w{i}" for i in range(words - 1)]
    text[rng.randrange(len(text))] = rng.choice(few)
    if rng.random() < .3:
        text[rng.randrange(len(text))] += "."
    long, short = " ".join(text), " ".join(few)
    gold, answer = (short, long) if rng.random() < .7 else (long, short)
    others = [english(rng, 4)] if rng.random() < .3 else []
    return row("longbench_pro", rng.choice(METRICS["Summary"]), struct(rng, [gold] + others, "", "English"), "</think>. " + answer, "recursion")


# --------------------------------------------------------------------------------------------------------------- table

def number(rng):
    return pick(
        rng, (4, str(rng.randint(-50, 2000))), (4, f"{rng.uniform(-100, 1000):.{rng.randint(1, 4)}f}"), (2, f"{rng.randint(0, 99)}.0"),
        (1, f"{rng.randint(1, 99)}e{rng.randint(0, 25)}"), (1, f"{rng.randint(1, 9)}E+{rng.randint(0, 20)}"), (1, f"{rng.random():.3f}e-{rng.randint(0, 9)}"),
        (1, repr(rng.uniform(0, 1) * 10 ** rng.randint(-8, 20))), (1, str(rng.getrandbits(rng.randint(60, 300)))),
        (1, rng.choice(["-0", "-0.0", "0", "0.0", "1e400", "-1e400", "1e-400", "1.10", "100", "1e2", "100.0", "1e16", "1e15", "123456789012345678", "0.0001",
                        "0.00001", "9007199254740993.0", "5e-324", "2.5e-5", "1E5", "NaN", "Infinity", "-Infinity"])))


def string_token(rng):
    text = pick(rng, (3, item(rng)), (1, rng.choice(["None", "True", "nan", "inf", "1000.0", "100", "1", "['a', 1]", "{'k': 'v'}", "(1, 2)", "'", "\"", "a'b\"c", "\\", "\n\t\r",
                "\x7f", "\xa0", "\xad", "\u200b", "é", "😀", "\u2028", "\ue000", "\U000e0001", "\u0378"])))
    token = json.dumps(text, ensure_ascii=rng.random() < .5)
    return token.replace("/", "\\/") if rng.random() < .2 else token


def cell(rng, depth=0):
    if depth < 3 and rng.random() < .12:
        space = rng.choice(["", " ", "\n"])
        if rng.random() < .5:
            return "[" + space + ("," + space).join(cell(rng, depth + 1) for _ in range(rng.randint(0, 3))) + space + "]"
        keys = [rng.choice(['"a"', '"b"', '"k\'s"', '"\\u0061"', '""', '"é"']) for _ in range(rng.randint(0, 3))]  # a key may stand twice
        return "{" + space + ("," + space).join(f"{key}:{space}{cell(rng, depth + 1)}" for key in keys) + space + "}"
    return pick(rng, (5, number(rng)), (5, string_token(rng)), (1, "true"), (1, "false"), (1, "null"))


def retyped(rng, token):
    """The same cell in another notation, often with another str()."""
    try:
        value = json.loads(token)
    except ValueError:
        return token
    if isinstance(value, (dict, list)):
        return pick(rng, (2, token), (2, json.dumps(value)), (1, json.dumps(str(value))))
    return pick(rng, (3, token), (3, json.dumps(str(value))), (1, json.dumps(value)), (1, f"[{token}]"), (1, string_token(rng)), (1, number(rng)))


def table_rows(rng):
    width = rng.randint(1, 4)
    rows = []
    for _ in range(pick(rng, (6, rng.randint(1, 6)), (1, 0), (.5, 30))):
        rows.append(pick(rng, (6, [cell(rng) for _ in range(width)]), (1, cell(rng)),
                         (1, "{" + ", ".join(f'"{key}": {cell(rng)}' for key in "abc"[:width]) + "}")))
    if rows and rng.random() < .2:
        rows.append(rng.choice(rows))
    return rows


def text_of(rng, rows):
    space = rng.choice(["", " ", "\n  "])
    parts = [one if isinstance(one, str) else "[" + ("," + space).join(one) + "]" for one in rows]
    return "[" + space + ("," + space).join(parts) + space + "]"


def table_row(rng):
    rows = table_rows(rng)
    given = [one if isinstance(one, str) else [retyped(rng, token) if rng.random() < .3 else token for token in one] for one in rows]
    if rng.random() < .3:
        rng.shuffle(given)
    if rng.random() < .3:
        given = given[:rng.randint(0, len(given))]
    if rng.random() < .3:
        given += table_rows(rng)[:2]
    data = text_of(rng, rows)
    wrong = rng.choice(['"abc"', '"é😀a"', '{"a": 1, "b": 2}', '{"a": 1, "a": 2}', "null", "3", "2.5", "true", "[]", '""', "{}"])
    gold_data = data if rng.random() > .05 else wrong
    gold_text = pick(rng, (14, f'{{"columns": ["c"], "data": {gold_data}}}'), (.5, gold_data), (.3, "{}"), (.3, "not json"), (.3, '"text"'), (.3, f'{{"data": {data},}}'),
                     (.3, ""), (.3, "3"), (.3, f'{{"data": [], "data": {data}}}'))
    made = f'{{"data": {text_of(rng, given) if rng.random() > .05 else wrong}}}'
    body = pick(rng, (14, made), (1, "```json\n" + made + "\n```"), (.5, made[:-1]), (.5, made + ","), (.5, "\ufeff" + made), (.5, "\u3000\xa0" + made + "\x1c"), (.3, made.replace('"', "'")),
                (.5, made + made), (.5, made[8:-1]), (.5, "{}"), (.3, '{"Data": []}'), (.5, made.replace("]", ",]", 1)), (.3, "null"), (.3, "5"), (.3, "01"), (.3, '{"data": [01]}'),
                (.3, '{"data": [+1, .5]}'), (.3, '{"data": [1.]}'), (.3, '{"data": ["\t"]}'), (.3, '{"data": ["\\x"]}'), (.3, '{"data": ["\\ud83d", "\\ud83d\\ude00"]}'), (.3, '{data: []}'),
                (.3, '{"data": [nan, NAN, -NaN]}'), (.3, '{"columns": [], "data": [["a"]]} // done'))
    answer = pick(rng, (14, f"<answer>{body}</answer>"), (1, f"<answer>\n{body}\n</answer> done"), (1, f"<answer>{body}"), (1, body), (.5, f"<ANSWER>{body}</ANSWER>"),
                  (.5, f"{body}</answer>"), (.5, f"<answer>{body}</answer><answer>{{}}</answer>"), (.5, f"<answer><answer>{body}</answer>"), (.5, f"</answer><answer>{body}</answer>"), (.5, f"<answer >{body}</answer>"))
    try:
        as_data = {"data": json.loads(data)}
        json.dumps(as_data).encode()
    except ValueError:
        as_data = {"data": [[1]]}
    gold = pick(rng, (10, {"doc_ids": [], "golden_label": gold_text, "summary": ""}), (1, {"golden_label": gold_text}), (2, as_data), (.5, [as_data]), (.5, [{"golden_label": gold_text}]), (.2, []), (.2, {}))
    return row("multitableqa_pretraining", "multitableqa_pretraining", gold, respond(rng, answer), "table")


def extreme_table_row(rng):
    """What Python refuses with an exception instead of a score, and what it still reads."""
    bad = pick(rng, (1, "9" * rng.choice([4299, 4300, 4301, 9000])), (1, "-" + "9" * rng.choice([4300, 4301])), (1, "[" * 300 + "]" * 300),
               (1, "[" * 3000 + "]" * 3000), (1, '{"a":' * 2000 + "1" + "}" * 2000), (1, "1" + "0" * 5000 + ".0"), (1, "[" * 3000))
    gold = {"golden_label": f'{{"data": [[1], [{bad if rng.random() < .2 else 2}]]}}'}
    return row("multitableqa_pretraining", "multitableqa_pretraining", gold, f'</think><answer>{{"data": [[1], [{bad}]]}}</answer>', "extreme table")


# ---------------------------------------------------------------------------------------------------- choice, exact match

def selection_row(rng):
    letter = rng.choice("ABCD")
    def says(c):
        return rng.choice([f"The correct answer is ({c})", f"The correct answer is {c}", f"The correct answer is **({c})**", f"**The correct answer is {c}**", f"The *correct* answer is ({c}).",
                           f"The correct answer is ({c}", f"The correct answer is {c}pple", f"the correct answer is ({c})", f"The correct answer is: ({c})", f"The correct answer is  ({c})",
                           f"The correct answer is\n({c})", f"The correct answer is [{c}]", f"The correct answer is ( {c} )", f"The correct answer is ({c.lower()})", f"\\boxed{{{c}}}", f"Answer: {c}",
                           f"The correct answer is ({c})({c})", f"THE CORRECT ANSWER IS ({c})", f"The correct answer is (**{c}**)", f"The correct answer is The correct answer is ({c})",
                           f"The correct answer is ({c}E)", f"The correct answer is（{c}）", f"正确答案是({c})"])
    answer = rng.choice([" ", "\n", ""]).join(says(pick(rng, (3, letter), (1, rng.choice("ABCDE")))) for _ in range(rng.randint(1, 3)))
    label = pick(rng, (8, letter), (3, says(letter)), (.5, f"({letter})"), (.5, letter + " "), (.5, letter.lower()), (.5, ""), (.5, "E"), (.3, letter + letter))
    items = pick(rng, (5, []), (1, ["x"]))
    mode = pick(rng, (5, "selection"), (1, None), (1, "Accuracy"), (1, "accuracy"))
    return row("selection", mode, struct(rng, items, label, ""), respond(rng, answer), "selection")


def exact_row(rng):
    label = pick(rng, (4, english(rng, rng.randint(1, 5))), (2, chinese(rng, 6)), (1, rng.choice(CASED)), (.5, ""), (.5, " "), (.5, "\u200b"), (1, str(rng.randint(0, 99))))
    answer = pick(rng, (6, label), (1, label.lower()), (1, label + "."), (1, label.replace(" ", "  ")), (1, ""), (.5, label + rng.choice(NO_SPACES)), (.5, english(rng, 2)), (.5, "e\u0301" + label))
    return row("EM", pick(rng, (5, "EM"), (1, None), (.5, "em")), struct(rng, [], spaced(rng, label), ""), respond(rng, spaced(rng, answer)), "exact")


# ------------------------------------------------------------------------------------------------------------- routing

def routing_row(rng):
    """Unknown sources and subtasks; the gate and an empty gold come first."""
    source, mode = rng.choice([
        ("longbench_pro", "T3.9 Other"), ("longbench_pro", "NDCG"), ("longbench_pro", ""), ("longbench_pro", "T1.1 global cohesive retrieval"), ("longbench_pro", "T1.1 Global Cohesive Retrieval "),
        ("longbench", "T1.1 Global Cohesive Retrieval"), ("em", "EM"), ("EM ", "EM"), ("", "EM"), ("Selection", "selection"), ("multitableqa", "x"), ("math", "math_verify"),
        ("retrieval", "x"), ("x_math_longcot_math_verify_y", "math_verify"), ("Math_longcot_math_verify", "math_verify")])
    gold = {"doc_ids": rng.choice([[], ["a"], ["a", "b"]]), "golden_label": "12", "summary": "English"}
    return row(source, mode, gold, respond(rng, "[Answer]\na \\boxed{12}", ""), "routing")


GENERATORS = [(items_row, 30), (summary_row, 12), (recursion_row, 2), (table_row, 20), (extreme_table_row, 1), (selection_row, 10), (exact_row, 7), (routing_row, 3)]


def rows(rng, count):
    functions, weights = zip(*GENERATORS)
    return [rng.choices(functions, weights)[0](rng) for _ in range(count)]

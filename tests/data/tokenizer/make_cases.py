#!/usr/bin/env python3
"""Makes what the tests of core/text compare with: a small tokenizer.json, token ids by the PyPI package `tokenizers`
(0.23.3), and prompts rendered by `transformers` (5.23) from the templates that the models ship.

    tests/data/tokenizer/make_cases.py [--text FILE...] [--qwen3 DIR] [--qwen3-thinking DIR] [--llama3 DIR]

--text: some hundred kilobytes of English and Chinese to learn merges from. The folders hold tokenizer_config.json of
Qwen3-4B, of Qwen3-4B-Thinking-2507 and of Meta-Llama-3-8B-Instruct. What this wrote is committed beside it, so the tests
need none of these; what is left out stays as it is.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import unicodedata

from tokenizers import Tokenizer
from transformers.utils.chat_template_utils import render_jinja_template

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]

HAND_MADE = [
    "", " ", "a", "Hello, world!", "Don't stop: I'LL go, they've gone, we'd say 'tis so.",
    "The answer is 1234567890.55 (about 12%).", "price: $3,000.00 / €2.50 / ¥300",
    "港口的灯塔在夜里亮着。合作社今年收了三次稻子，共４２吨！", "中文English混排 with spaces　全角空格",
    "def f(x):\n\treturn {'a': [x, 2.5e-3]}  # comment\r\n\r\n    if x != y:\n        pass\n",
    "for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; } // loop", "a  b   c    d\t\te \n f\n\n\n g   ",
    "   leading and trailing   ", "\n", "\n\n", "\r\n\r\n", " \n \n ", "\t", "line\u2028sep\u2029par\u0085nel\x0bvt\x0cff",
    "no\u00a0break\u3000wide\u2003em\u200bzero\ufeffbom\u180emongolian", "ctrl\x00\x01\x02\x1b\x1c\x1d\x1e\x1f\x7fend",
    "😀👍🏽🇩🇪👨\u200d👩\u200d👧\u200d👦🏳\ufe0f\u200d🌈", "e\u0301 a\u0308 o\u0302 A\u030a vs é ä ô Å", "\u1112\u1161\u11ab 한 각 \u1100\u1161\u11a8",
    "\u0958\u0915\u093c हिन्दी ภาษาไทย العَرَبِيَّة עִבְרִית", "Ω Å Ω Å ﬁ ﷺ ½ ² ① Ⅷ ٣ ৪",
    "'ſ 'S 'T 'RE 'Ve 'm 'LL 'd ſ K", "x_y-z.w/v:u;t,s!r?q", "((((((((((((((((", "=" * 70, "a" * 300, "ab" * 200, "字" * 100,
    "1" * 40, " " * 100 + "x", "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\n",
    "<think>I think</think>\n\nso", "<|im_end|", "|im_end|>", "<<|im_end|>>", "<think><think></think></think>",
    "text<|endoftext|>more", "< think>", "<Think>", "\U0001f600\U00020000\U0010ffff\ue000", "\u0345\u0301\u0327a\u0327\u0301",
]

MESSAGES = [
    [("user", "Hi")],
    [("system", "Be short."), ("user", "Read this:\n\n\n\nWhat is it?")],
    [("user", "\nstarts with a line end"), ("assistant", "yes"), ("user", "  and with spaces ")],
    [("user", "a"), ("assistant", "<think>\nlong thought\n</think>\n\nAnswer"), ("user", "b")],
    [("user", "a"), ("assistant", "<think>\nlong thought\n</think>\n\nAnswer")],
    [("user", "a"), ("assistant", "no thought")],
    [("user", "a"), ("assistant", "first"), ("assistant", "<think>t</think>second"), ("assistant", "third")],
    [("user", "a"), ("assistant", "x</think>\n\ny</think>\n\nz")],
    [("system", "s"), ("system", "t"), ("user", "港口"), ("assistant", "\n\n好\n")],
    [("assistant", "<think>\nq\n</think>\n\nalone")],
    [("user", "q"), ("assistant", "<think>\nr\n</think>\n\ncall"), ("user", "<tool_response>\n3\n</tool_response>")],
    [("user", ""), ("assistant", ""), ("user", "")],
]

# Llama 3's template takes the spaces around a message away: those of Python's strip().
SPACED = [
    [("system", "  s\n"), ("user", "\u3000\u00a0q \x1c\x1f\x85\u2028\u2029\u1680\t\v\f")],
    [("user", "\u200b\ufeff\u180e stay \u2060\x00")],
    [("user", " \n\n "), ("assistant", "\u3000"), ("user", "\x1fx")],
]
# All added tokens in the cases of llama3, with ids from 2043 on.
LLAMA3_TOKENS = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]


def random_texts(count):
    generator = random.Random(17)
    words = "".join(HAND_MADE)

    def piece():
        kind = generator.randrange(5)
        if kind == 0:
            return generator.choice([" ", "  ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u2028", "\x1f"])
        if kind == 1:
            point = generator.choice([(0x20, 0x17f), (0x300, 0x1200), (0x2000, 0x3200), (0x4e00, 0x9fff), (0x1f300, 0x1f700)])
            points = (chr(generator.randrange(*point)) for _ in range(4))
            return "".join(c for c in points if unicodedata.category(c) != "Cn")
        if kind == 2:
            return generator.choice(["<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|endoftext|>", "<|im"])
        start = generator.randrange(len(words))
        return words[start:start + generator.randrange(1, 25)]

    return ["".join(piece() for _ in range(generator.randrange(1, 9))) for _ in range(count)]


def without_added(path):
    contents = json.loads(path.read_text(encoding="utf-8"))
    contents["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(contents))


def chat_cases(name, folder):
    template = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["chat_template"]
    for messages in MESSAGES + (SPACED if name == "llama3" else []):
        conversation = [{"role": role, "content": content} for role, content in messages]
        for generation in (True, False):
            for thinking in (True, False) if name == "qwen3" else (True,):
                rendered, _ = render_jinja_template([conversation], chat_template=template,
                                                    add_generation_prompt=generation, enable_thinking=thinking,
                                                    bos_token="<|begin_of_text|>")
                yield {"template": name, "messages": conversation, "generation_prompt": generation,
                       "thinking": thinking, "text": rendered[0]}


def write(name, cases):
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / name).write_text("[\n" + lines + "\n]\n", encoding="utf-8")


def make_tokenizer(texts):
    subprocess.run([sys.executable, ROOT / "tools/train_tokenizer.py", "--input", *texts,
                    "--vocabulary", "2048", "--output", HERE], check=True)
    tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
    plain = without_added(HERE / "tokenizer.json")
    cases = []
    for text in HAND_MADE + random_texts(400):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        cases.append({"text": text, "ids": ids, "plain": plain.encode(text, add_special_tokens=False).ids,
                      "decoded": tokenizer.decode(ids, skip_special_tokens=False), "shown": tokenizer.decode(ids)})
    write("encode_cases.json", cases)

    generator = random.Random(5)  # ids at random: bytes that are no UTF-8
    sequences = [[generator.randrange(2048) for _ in range(generator.randrange(1, 12))] for _ in range(300)]
    write("decode_cases.json", [{"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)}
                                for ids in sequences])


def make_chats(folders):
    chats = json.loads((HERE / "chat_cases.json").read_text(encoding="utf-8"))
    for name, folder in folders.items():
        if folder:
            chats = [chat for chat in chats if chat["template"] != name] + list(chat_cases(name, folder))
    own = [chat["text"] for chat in chat_cases("qwen3_thinking", HERE)]
    if own != [chat["text"] for chat in chats if chat["template"] == "qwen3_thinking"]:
        sys.exit("the template that tools/train_tokenizer.py writes renders other text than Qwen's")
    tokenizer, llama3 = Tokenizer.from_file(str(HERE / "tokenizer.json")), without_added(HERE / "tokenizer.json")
    llama3.add_special_tokens(LLAMA3_TOKENS)
    for chat in chats:
        used = llama3 if chat["template"] == "llama3" else tokenizer
        chat["ids"] = used.encode(chat["text"], add_special_tokens=False).ids
    write("chat_cases.json", chats)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", nargs="+", type=pathlib.Path)
    for name in ("--qwen3", "--qwen3-thinking", "--llama3"):
        parser.add_argument(name, type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.text:
        make_tokenizer(arguments.text)
    make_chats({"qwen3": arguments.qwen3, "qwen3_thinking": arguments.qwen3_thinking, "llama3": arguments.llama3})


if __name__ == "__main__":
    main()

"""golong tokenize against the PyPI package tokenizers on Qwen's real vocabulary: ids of texts, texts of ids.

GOLONG_TOKENIZER_CASES=N tests N texts instead, GOLONG_TOKENIZER_SEED draws others.
"""
import json
import os
import random
import unicodedata
from pathlib import Path

import pytest
import vocabularies
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
COUNT = int(os.environ.get("GOLONG_TOKENIZER_CASES", 24000))
SEED = int(os.environ.get("GOLONG_TOKENIZER_SEED", 1))

SPACES = [" ", "  ", "    ", "\n", "\n\n", "\r\n", "\r", "\t", "\v", "\f", "\x1c", "\x1f", "\x85", "\u00a0", "\u1680",
          "\u180e", "\u2003", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff"]
EMOJI = ["\U0001f600", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "1\ufe0f\u20e3", "\u200d",
         "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f3f3\ufe0f\u200d\U0001f308", "\ufe0e",
         "\U0001f3f4\U000e0067\U000e0062\U000e007f"]
MARKS = [chr(c) for c in range(0x300, 0x1200) if unicodedata.combining(chr(c))] + ["\u0344", "\u0f73", "\u3099", "\u20d0"]
HANGUL = [chr(c) for c in (*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11a7, 0x11c3), 0xac00, 0xac01, 0xd7a3)]
CONTRACTIONS = ["'s", "'T", "'Re", "'VE", "'m", "'LL", "'d", "'\u017f", "'\u212a", "\u2019s", "'"]
RANGES = [(0x20, 0x250), (0x250, 0x1200), (0x1e00, 0x3200), (0x3400, 0xa000), (0xa000, 0xd800), (0xe000, 0x10000),
          (0x10000, 0x14000), (0x1b000, 0x20000), (0x20000, 0x31400), (0xe0000, 0x110000)]
TOKENS = [*vocabularies.QWEN_SPECIAL, *vocabularies.QWEN_SHOWN, *vocabularies.LLAMA_SPECIAL[:12],
          *(token for token, _ in vocabularies.ODD)]


def sources():
    """Real texts: English, Chinese, code."""
    rows = [json.loads(line) for line in open(ROOT / "configs/demo/data/train.jsonl", encoding="utf-8")]
    prompts = [row["prompt"][0]["content"] for row in rows]
    chinese = "".join(text for text in prompts if sum("\u4e00" <= c <= "\u9fff" for c in text) > len(text) / 5)
    code = "".join(path.read_text() for path in sorted(ROOT.glob("core/text/*.cpp")) + sorted(ROOT.glob("tools/*.py")))
    assert len(chinese) > 10000
    return "".join(prompts), chinese, code


def assigned(rng):
    """A character that Unicode has had for long: what is newer is a letter to one library and nothing to another."""
    while True:
        c = chr(rng.randrange(*rng.choice(RANGES)))
        if unicodedata.category(c) not in ("Cn", "Cs"):
            return c


def piece(rng, texts):
    kind = rng.randrange(14)
    if kind < 5:
        text = texts[min(kind, 3) % 3]
        start = rng.randrange(len(text))
        return text[start:start + rng.choice([1, 5, 30, 200])]
    if kind == 5:
        return "".join(rng.choice(SPACES) for _ in range(rng.randint(1, 6)))
    if kind == 6:
        return rng.choice([str(rng.randrange(10**rng.randint(1, 15))), f"{rng.uniform(-1e4, 1e4):,.3f}", "\u0663\u0661",
                           "\u00bd\u00b2\u2460\u2167", "\uff14\uff12\u5428", f"{rng.random():e}"])
    if kind == 7:
        return "".join(rng.choice(EMOJI) for _ in range(rng.randint(1, 3)))
    if kind == 8:
        return rng.choice("aeAo\u0915\u0e01 ") + "".join(rng.choice(MARKS) for _ in range(rng.choice([1, 2, 3, 40, 400])))
    if kind == 9:
        return "".join(chr(rng.choice([*range(0x20), *range(0x7f, 0xa0)])) for _ in range(rng.randint(1, 4)))
    if kind == 10:
        return "".join(assigned(rng) for _ in range(rng.randint(1, 6)))
    if kind == 11:
        return rng.choice(["x", ""]) + rng.choice(CONTRACTIONS) + rng.choice(["", "x", " "])
    if kind == 12:
        return rng.choice(["".join(rng.choice(HANGUL) for _ in range(5)), rng.choice("=a1 \n\u5b57") * rng.randint(2, 90)])
    token = rng.choice(TOKENS)
    return rng.choice([token, token, token, token[:-1], token[1:], token.upper(), unicodedata.normalize("NFD", token)])


def make_texts(count, seed):
    rng = random.Random(seed)
    texts = sources()
    made = ["".join(piece(rng, texts) for _ in range(rng.randint(1, 7))) for _ in range(count)]
    for i in range(0, count, 50):  # surrogates that have lost their partner, as a JSON file may hold them
        cut = rng.randrange(len(made[i]) + 1)
        made[i] = made[i][:cut] + chr(rng.randrange(0xd800, 0xe000)) + made[i][cut:]
    return made


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def without_surrogates(text):
    """What golong reads: pairs are joined, others are U+FFFD. The package takes no such text at all."""
    return json.loads(json.dumps(text)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return vocabularies.make(tmp_path_factory.mktemp("vocabularies"))


@pytest.fixture(scope="module")
def texts():
    return make_texts(COUNT, SEED)


@pytest.fixture
def tokenize(golong, tmp_path):
    def run(model, rows, *arguments):
        source, target = write(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
        result = golong("tokenize", "--model", model, "--input", source, "--output", target, *arguments)
        assert result.returncode == 0, result.stderr
        return read(target)
    return run


def equal(what, found, expected, inputs):
    wrong = [i for i, pair in enumerate(zip(found, expected, strict=True)) if pair[0] != pair[1]]
    shown = [{what: inputs[i], "golong": found[i], "package": expected[i]} for i in wrong[:5]]
    assert not wrong, f"{len(wrong)} of {len(inputs)} differ:\n" + "\n".join(map(ascii, shown))


@pytest.mark.parametrize("name", ["qwen3", "llama3", "odd"])
def test_ids_are_those_of_the_package(tokenize, files, texts, name):
    reference = Tokenizer.from_file(str(files[name]))
    clean = [without_surrogates(text) for text in texts]
    expected = [encoding.ids for encoding in reference.encode_batch(clean, add_special_tokens=False)]
    ids = [row["ids"] for row in tokenize(files[name], [{"id": i, "text": text} for i, text in enumerate(texts)])]
    equal("text", ids, expected, texts)
    for options, skip in ([], False), (["--skip-special"], True):
        back = [row["text"] for row in tokenize(files[name], [{"ids": row} for row in ids], "--decode", *options)]
        equal("ids", back, reference.decode_batch(ids, skip_special_tokens=skip), ids)


@pytest.mark.parametrize("forms", [["NFD"], ["NFKC"], ["NFKD"], ["NFKD", "NFC"]])
def test_other_normalisers_are_those_of_the_package(tokenize, tmp_path, texts, forms):
    contents = json.loads((ROOT / "tests/data/tokenizer/tokenizer.json").read_text(encoding="utf-8"))
    contents["normalizer"] = {"type": "Sequence", "normalizers": [{"type": form} for form in forms]}
    model = tmp_path / "tokenizer.json"
    model.write_text(json.dumps(contents))
    reference = Tokenizer.from_file(str(model))
    clean = [without_surrogates(text) for text in texts[:COUNT // 4]]
    clean += ["".join(random.Random(i).choices(MARKS + ["a"], [1] * len(MARKS) + [0.01], k=3000)) for i in range(20)]
    expected = [encoding.ids for encoding in reference.encode_batch(clean, add_special_tokens=False)]
    equal("text", [row["ids"] for row in tokenize(model, [{"text": text} for text in clean])], expected, clean)


@pytest.mark.parametrize("name", ["qwen3", "llama3", "odd"])
def test_texts_of_random_ids_are_those_of_the_package(tokenize, files, name):
    reference = Tokenizer.from_file(str(files[name]))
    size, rng = reference.get_vocab_size(), random.Random(SEED)
    # All ids, those of single bytes, which are seldom whole characters, and the added tokens.
    parts = [range(size), range(256), range(256), range(reference.get_vocab_size(with_added_tokens=False), size)]
    ids = [[rng.choice(rng.choice(parts)) for _ in range(rng.randint(1, 16))] for _ in range(COUNT // 4)]
    for options, skip in ([], False), (["--skip-special"], True):
        found = [row["text"] for row in tokenize(files[name], [{"ids": row} for row in ids], "--decode", *options)]
        equal("ids", found, reference.decode_batch(ids, skip_special_tokens=skip), ids)


def test_the_files_are_those_of_the_models(files):
    """Ids and texts that are known of the models themselves."""
    qwen, llama = (Tokenizer.from_file(str(files[name])) for name in ("qwen3", "llama3"))
    assert [qwen.token_to_id(token) for token in ("<|endoftext|>", "<|im_end|>", "<think>", "</think>")] == [
        151643, 151645, 151667, 151668]
    assert [llama.token_to_id(token) for token in ("<|begin_of_text|>", "<|start_header_id|>", "<|eot_id|>",
                                                   "<|reserved_special_token_250|>")] == [128000, 128006, 128009, 128255]
    assert qwen.encode("Hello, world!", add_special_tokens=False).ids == [9707, 11, 1879, 0]

"""`golong tokenize` beside the PyPI package tokenizers: the same rows, reading and writing files included."""
import json
import os
import random
import subprocess
import tempfile
from pathlib import Path

from measure import ROOT, best_of, show

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread on both sides
MODEL = ROOT / "configs/demo/model"


def documents():
    rows = [json.loads(line) for line in open(ROOT / "configs/demo/data/train.jsonl")]
    texts = [row["prompt"][0]["content"] for row in rows]
    return ["\n\n".join(texts[i:i + 400]) for i in range(0, len(texts), 400)]


def hard_texts():
    """Megabytes that take long where something is quadratic."""
    rng = random.Random(1)
    parts = {"one letter": "a", "spaces": " ", "lines of one letter": "a\n", "digits": "7", "emoji": "\U0001f468\u200d",
             "marks that change places": "\u0301\u0323"}
    yield "one word", "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=1_000_000))
    for name, part in parts.items():
        yield name, part * (1_000_000 // len(part.encode()))


def compare(golong, what, texts):
    from tokenizers import Tokenizer

    reference = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    with tempfile.TemporaryDirectory() as folder:
        source, target, theirs_at = (Path(folder) / name for name in ("texts.jsonl", "ids.jsonl", "theirs.jsonl"))
        source.write_text("".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts)))

        def theirs():
            with open(source) as rows, open(theirs_at, "w") as out:
                for row in map(json.loads, rows):
                    ids = reference.encode(row["text"], add_special_tokens=False).ids
                    out.write(json.dumps({"id": row["id"], "ids": ids}) + "\n")

        def ours():
            subprocess.run(["taskset", "-c", "0", golong, "tokenize", "--model", MODEL, "--input", source, "--output",
                            target], check=True, stderr=subprocess.DEVNULL)

        slow, fast = best_of(3, theirs), best_of(3, ours)
        same = [json.loads(a)["ids"] == json.loads(b)["ids"]
                for a, b in zip(open(target), open(theirs_at), strict=True)]
    assert all(same), f"{what}: {same.count(False)} rows differ"
    size = sum(len(text.encode()) for text in texts) / 1e6
    show(what, f"{size / fast:.1f} MB/s", "tokenizers", f"{size / slow:.1f} MB/s", slow / fast)


def run(golong):
    compare(golong, "tokenize", documents())
    for name, text in hard_texts():
        compare(golong, f"tokenize, 1 MB: {name}", [text])

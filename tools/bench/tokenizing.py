"""`golong tokenize` beside the PyPI package tokenizers: the same rows, reading and writing files included."""
import json
import os
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


def run(golong):
    from tokenizers import Tokenizer

    texts = documents()
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
    assert all(same), f"{same.count(False)} rows differ"
    size = sum(len(text.encode()) for text in texts) / 1e6
    show("tokenize", f"{size / fast:.1f} MB/s", "tokenizers", f"{size / slow:.1f} MB/s", slow / fast)

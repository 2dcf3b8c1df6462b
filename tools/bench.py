"""make bench: golong beside what one would use instead. Prints a table; docs/benchmarks.md keeps measured ones."""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread on both sides
ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "configs/demo/model"


def best_of(times, function):
    results = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        results.append(time.perf_counter() - start)
    return min(results)


def tokenize(golong, texts, folder):
    """The same rows through both programs, reading and writing files included."""
    from tokenizers import Tokenizer

    source, target = folder / "texts.jsonl", folder / "ids.jsonl"
    source.write_text("".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts)))
    reference = Tokenizer.from_file(str(MODEL / "tokenizer.json"))

    def theirs():
        with open(source) as rows, open(folder / "theirs.jsonl", "w") as out:
            for row in map(json.loads, rows):
                ids = reference.encode(row["text"], add_special_tokens=False).ids
                out.write(json.dumps({"id": row["id"], "ids": ids}) + "\n")

    def ours():
        subprocess.run(["taskset", "-c", "0", golong, "tokenize", "--model", MODEL, "--input", source, "--output", target],
                       check=True, stderr=subprocess.DEVNULL)

    slow, fast = best_of(3, theirs), best_of(3, ours)
    same = [json.loads(a)["ids"] == json.loads(b)["ids"]
            for a, b in zip(open(target), open(folder / "theirs.jsonl"), strict=True)]
    assert all(same), f"{same.count(False)} rows differ"
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{'tokenize':<12} {size / fast:8.1f} MB/s   tokenizers {size / slow:8.1f} MB/s   {slow / fast:5.2f} times")


def main():
    golong = sys.argv[1]
    rows = [json.loads(line) for line in open(ROOT / "configs/demo/data/train.jsonl")]
    texts = [row["prompt"][0]["content"] for row in rows]
    documents = ["\n\n".join(texts[i:i + 400]) for i in range(0, len(texts), 400)]
    with tempfile.TemporaryDirectory() as folder:
        tokenize(golong, documents, Path(folder))


if __name__ == "__main__":
    main()

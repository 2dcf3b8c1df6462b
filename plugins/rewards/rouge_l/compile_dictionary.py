"""Compiles the dictionary and the probability tables of the PyPI package jieba into the one file that rouge_l maps.

    python compile_dictionary.py OUTPUT

segmenter.h describes the layout. The result depends on the package alone.
"""
import importlib
import math
import os
import struct
import sys
from array import array
from pathlib import Path

IMPOSSIBLE = -3.14e100
STATES = "BMES"


def read_words(folder):
    """{word: frequency} and the sum over all lines, as jieba counts them."""
    words, total = {}, 0
    for line in (folder / "dict.txt").read_text(encoding="utf-8").splitlines():
        word, frequency = line.strip().split(" ")[:2]
        words[word] = int(frequency)
        total += int(frequency)
    return words, total


def build_trie(words, total):
    """Labels, first children and weights of the trie in breadth-first order."""
    labels, children, weights = array("I", [0]), array("I"), array("d", [math.nan])
    level = [(0, sorted(tuple(map(ord, word)) for word in words))]
    while level:
        below = []
        for depth, members in level:
            children.append(len(labels))
            start = 0
            while start < len(members):
                if len(members[start]) == depth:  # the word that ends here
                    start += 1
                    continue
                label, end = members[start][depth], start
                while end < len(members) and members[end][depth] == label:
                    end += 1
                labels.append(label)
                frequency = words.get("".join(map(chr, members[start][: depth + 1])), 0)
                weights.append(math.log(frequency) - math.log(total) if frequency else math.nan)
                below.append((depth + 1, members[start:end]))
                start = end
        level = below
    children.append(len(labels))
    return labels, children, weights


def padded(data):
    return data + bytes(-len(data) % 8)


def main(output):
    folder = Path(importlib.import_module("jieba").__file__).parent
    words, total = read_words(folder)
    labels, children, weights = build_trie(words, total)
    start = importlib.import_module("jieba.finalseg.prob_start").P
    trans = importlib.import_module("jieba.finalseg.prob_trans").P
    emit = importlib.import_module("jieba.finalseg.prob_emit").P
    characters = sorted(set().union(*(emit[s] for s in STATES)))

    parts = [
        b"GLSEGM01",
        struct.pack("<QQd", len(labels), len(characters), math.log(1) - math.log(total)),
        struct.pack("<4d", *(start[s] for s in STATES)),
        struct.pack("<16d", *(trans[a].get(b, IMPOSSIBLE) for a in STATES for b in STATES)),
        weights.tobytes(),
        padded(labels.tobytes() + children.tobytes()),
        padded(array("I", map(ord, characters)).tobytes()),
        array("d", (emit[s].get(c, IMPOSSIBLE) for c in characters for s in STATES)).tobytes(),
    ]
    target = Path(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + f".{os.getpid()}")
    partial.write_bytes(b"".join(parts))
    partial.replace(target)


if __name__ == "__main__":
    if sys.byteorder != "little" or len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

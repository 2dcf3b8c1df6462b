#!/usr/bin/env python3
"""Prints "HASH FILE" for each source file: a hash of the file, of all project headers it includes, however deep, and of
the given extra files. Two equal hashes mean that a checker that reads the file sees the same project code."""
import argparse
import functools
import hashlib
import pathlib
import re

INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
ROOTS = [pathlib.Path("."), pathlib.Path("sdk/include")]


@functools.lru_cache(None)
def included(path: pathlib.Path) -> tuple[pathlib.Path, ...]:
    names = [name.decode() for name in INCLUDE.findall(path.read_bytes())]
    places = [root / name for name in names for root in [path.parent, *ROOTS]]
    return tuple(place for place in places if place.is_file())


def closure(path: pathlib.Path) -> set[pathlib.Path]:
    found, open_ = set(), [path]
    while open_:
        file = open_.pop()
        if file not in found:
            found.add(file)
            open_ += included(file)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extra", action="append", default=[], type=pathlib.Path)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    args = parser.parse_args()
    for file in args.files:
        digest = hashlib.sha256()
        for part in [*args.extra, *sorted(closure(file), key=str)]:
            digest.update(str(part).encode() + b"\0" + part.read_bytes() + b"\0")
        print(digest.hexdigest()[:32], file)


if __name__ == "__main__":
    main()

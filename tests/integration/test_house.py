"""The floors of the house hold: includes go down, torch-free folders stay so, plugins stand alone."""
import importlib.util
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("check_floors", ROOT / "tools" / "check_floors.py")
floors = importlib.util.module_from_spec(spec)
spec.loader.exec_module(floors)


def test_this_tree_holds():
    assert floors.main() == 0


@pytest.mark.parametrize(
    ("file", "include", "complaint"),
    [
        ("core/base/x.cpp", '"core/data/group.h"', "not on a lower floor"),
        ("core/rollout/x.h", '"core/score/scorer.h"', "not on a lower floor"),
        ("core/score/x.cpp", "<ATen/core/Tensor.h>", "torch-free"),
        ("core/novel/x.cpp", '"core/base/error.h"', "no floor"),
        ("core/data/x.cpp", '"plugins/common/unicode.h"', "through their interface"),
        ("plugins/rewards/f1/x.cpp", '"core/base/error.h"', "stand alone"),
        ("sdk/include/golong/x.h", '"plugins/common/unicode.h"', "stands alone"),
    ],
)
def test_an_include_that_goes_up_is_found(tmp_path, file, include, complaint):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f"#include {include}\n")
    found = list(floors.problems(tmp_path, [file]))
    assert found and complaint in found[0] and file in found[0]


def test_includes_that_go_down_pass(tmp_path):
    path = tmp_path / "core/train/x.cpp"
    path.parent.mkdir(parents=True)
    path.write_text('#include "core/train/loss.h"\n#include "core/nn/attention.h"\n#include <ATen/core/Tensor.h>\n')
    assert not list(floors.problems(tmp_path, ["core/train/x.cpp"]))


def test_no_two_types_have_the_same_name():
    """Two types of one name in one namespace end a program somewhere else, without a word of the linker."""
    places = {}
    for path in sorted((ROOT / "core").rglob("*.h")):
        space = ""
        for line in path.read_text().splitlines():
            if opened := re.match(r"namespace ([\w:]+) \{", line):
                space = opened[1]
            if found := re.match(r"(?:struct|class) (\w+)[^;]*\{", line):
                places.setdefault(f"{space}::{found[1]}", []).append(str(path.relative_to(ROOT)))
    assert len(places) > 100
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_what_is_included_comes_from_here_or_from_pinned_packages(golong):
    """A header that a machine happens to have would be missing on the next one."""
    build = Path(golong.program).parents[1]
    if not (build / "compile_commands.json").exists():
        pytest.skip("the program was installed, not built here")
    commands = {}  # one of each set of include folders, and all that include CUDA's
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        includes = tuple(word for i, word in enumerate(words) if words[i - 1] == "-isystem" or word.startswith("-I"))
        if entry["file"].endswith(".cpp"):
            commands["core/cuda/" in entry["file"] and entry["file"], includes] = words
    assert len(commands) > 5
    allowed = (build.resolve(), ROOT, Path("/usr/include"), Path("/usr/lib"))  # the last two are Debian's packages
    for words in commands.values():
        compiler = next(i for i, word in enumerate(words) if Path(word).name in ("c++", "g++"))
        words = words[compiler:words.index("-o")] + ["-M", words[-1]]
        words = [word for i, word in enumerate(words) if word not in ("-MD", "-MT", "-MF") and words[i - 1] not in ("-MT", "-MF")]
        made = subprocess.run(words, cwd=build, check=True, capture_output=True, text=True).stdout
        for name in made.split(":", 1)[1].replace("\\\n", " ").split():
            path = (build / name).resolve()
            assert any(path.is_relative_to(folder) for folder in allowed), f"{words[-1]} includes {path}"

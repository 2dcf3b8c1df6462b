"""The floors of the house hold: includes go down, torch-free folders stay so, plugins stand alone."""
import importlib.util
import re
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

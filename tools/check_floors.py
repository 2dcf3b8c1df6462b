"""Fails when an include goes up a floor, or when a torch-free folder includes LibTorch.

The floors are those of docs/dev/architecture.md: a folder may include its own headers and those of lower floors.
"""
import re
import subprocess
import sys
from pathlib import Path

FLOORS = [
    ["base", "report"],
    ["parallel", "text", "plugin"],
    ["config", "nn"],
    ["model", "data", "cuda"],
    ["rollout", "score", "checkpoint", "parquet", "scale"],
    ["eval"],
    ["train", "pipeline", "serve"],
    ["cli", "python", "worker"],
]
# Headers of the floor itself that stand below their neighbours; the Python module loads the engine as the command does.
ALLOWED = {("report", "base"), ("python", "cli")}
TORCH_FREE = {"base", "config", "report", "plugin", "text", "data", "parquet", "scale", "score", "pipeline", "cli",
              "python", "worker"}
TORCH = re.compile(r"(torch|ATen|c10)/")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def floor(folder):
    return next((i for i, names in enumerate(FLOORS) if folder in names), None)


def problems(root, files):
    for name in files:
        parts = Path(name).parts
        for match in INCLUDE.finditer((root / name).read_text(errors="replace")):
            target = match.group(1)
            if parts[0] in ("plugins", "sdk") and target.startswith("core/"):
                yield f"{name}: includes {target}; plugins and the SDK stand alone"
            if parts[0] == "sdk" and target.startswith("plugins/"):
                yield f"{name}: includes {target}; the SDK stands alone"
            if parts[0] != "core" or len(parts) < 3:
                continue
            folder = parts[1]
            if floor(folder) is None:
                yield f"{name}: core/{folder} has no floor; add it to {Path(__file__).name}"
            elif TORCH.match(target) and folder in TORCH_FREE:
                yield f"{name}: includes {target}; core/{folder} is torch-free"
            elif target.startswith("core/"):
                other = target.split("/")[1]
                if other == folder or (folder, other) in ALLOWED:
                    continue
                if floor(other) is None or floor(other) >= floor(folder):
                    yield f"{name}: includes {target}, which is not on a lower floor than core/{folder}"
            elif target.startswith("plugins/"):
                yield f"{name}: includes {target}; the core knows plugins through their interface only"


def main():
    root = Path(__file__).resolve().parent.parent
    files = subprocess.run(["git", "ls-files", "core", "plugins", "sdk"], cwd=root, capture_output=True, text=True,
                           check=True).stdout.split()
    found = list(problems(root, [f for f in files if f.endswith((".h", ".hpp", ".cpp", ".c")) and (root / f).exists()]))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

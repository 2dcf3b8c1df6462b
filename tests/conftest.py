"""The program under test: build/bin/golong, or what the environment variable GOLONG names."""
import os
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# In the background of a script these are ignored, and programs would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Golong:
    def __init__(self, program):
        self.program = str(program)
        self.bad_plugins = Path(program).parent.parent / "tests" / "bad"  # libraries that break the rules

    def __call__(self, *arguments, cwd=None, env=None, timeout=120, input=""):
        """Runs the program to its end; returns status, stdout and stderr."""
        environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
        return subprocess.run([self.program, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True,
                              text=True, timeout=timeout, input=input)


@pytest.fixture(scope="session")
def golong():
    program = Path(os.environ.get("GOLONG", ROOT / "build" / "bin" / "golong")).resolve()
    if not program.exists():
        pytest.fail(f"{program} is not there; build it with `make build`")
    return Golong(program)

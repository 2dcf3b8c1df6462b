"""Jobs of golong launch, seen from outside: their processes, what these know, how they end."""
import os
import re
import socket
import subprocess
import time
from pathlib import Path


def until(condition, what, seconds=30):
    """Waits for it; half a minute is long on a busy machine, too."""
    latest = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < latest, what
        time.sleep(0.01)
    return found


def children(process):
    """Process ids of the ranks, by rank."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(re.search(r"^PPid:\s*(\d+)", (path / "status").read_text(), re.M)[1])
            if parent == process.pid and (rank := environment(int(path.name)).get("RANK")):
                found[int(rank)] = int(path.name)
        except OSError:
            pass  # it has ended
    return found


def environment(process):
    entries = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    return dict(entry.decode().split("=", 1) for entry in entries if b"=" in entry)


def arguments(process):
    return Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")[1:-1]


class Launched:
    """Ranks that wait: each reads a config from a pipe that nobody writes into."""

    def __init__(self, golong, folder, *options, command=None, ranks=2, env=None):
        self.pipe = folder / "x.toml"
        if not self.pipe.exists():
            os.mkfifo(self.pipe)
        command = command or ["config", "show", self.pipe]
        self.process = subprocess.Popen(
            [golong.program, "launch", *map(str, options), *map(str, command)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        self.ranks = {}
        self.find(ranks)

    def find(self, ranks, others_than=()):
        def all_there():
            self.ranks = {rank: process for rank, process in children(self.process).items()
                          if process not in others_than}
            return len(self.ranks) == ranks
        until(all_there, f"{ranks} ranks")

    def end(self):
        """Exit status, stdout and stderr."""
        out, errors = self.process.communicate(timeout=60)
        return self.process.returncode, out, errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_gone(process):
    try:
        return "\nState:\tZ" in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return True

"""tests/integration/test_interrupted.py for longer: GOLONG_KILLS (50) kills, up to four before a run comes to its end."""
import os
import random

from tests.killed_runs import PHASES, Whole, run_with_kills
from tests.tiny_run import make_model, write_config

KILLS = int(os.environ.get("GOLONG_KILLS", 50))


def test_killed_often(golong, tmp_path):
    seed = int(os.environ.get("GOLONG_KILLS_SEED", random.randrange(1 << 30)))
    print("seed of the moments:", seed)  # shown where the test fails
    moments = random.Random(seed)
    (tmp_path / "model").mkdir()
    config = write_config(make_model(golong, tmp_path / "model"), tmp_path)
    whole = Whole(golong, config, tmp_path / "whole")
    left, number = KILLS, 0
    while left > 0:
        phases = [moments.choice(PHASES) for _ in range(min(left, moments.randint(1, 4)))]
        number += 1
        done = run_with_kills(golong, config, tmp_path / f"run-{number}", whole, phases, moments)
        print("\n".join(done))
        left -= len(done)

"""`golong bench device`, by itself and as two ranks; `golong plan --devices` reads what it prints."""
import json
import os
import socket
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_two_ranks_measure_their_links_and_plan_reads_them(golong, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        subprocess.Popen(
            [golong.program, "bench", "device", "--threads", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | dict(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1",
                                  MASTER_PORT=str(port)))
        for rank in range(2)]
    outputs = [rank.communicate(timeout=300) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], outputs
    assert outputs[1][0] == ""  # the first one tells
    found = json.loads(outputs[0][0])
    assert found["ranks"] == 2 and found["device"] == "cpu"
    for key in ("memory_bytes", "matmul_flops_per_s", "memory_bandwidth_bytes_per_s", "gather_bytes_per_s",
                "sum_parts_bytes_per_s", "exchange_bytes_per_s", "small_operation_s"):
        assert found[key] > 0, key
    assert [attention["head_dim"] for attention in found["attention"]] == [64, 128]
    here = tmp_path / "here.json"
    here.write_text(outputs[0][0])
    planned = golong("plan", ROOT / "configs/demo.toml", "--devices", f"2x{here}", "--json",
                     "--set", f"model.path={ROOT / 'configs/demo/model'}")
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(planned.stdout)
    assert plan["device"] == str(here) and plan["memory_bytes"] == found["memory_bytes"]

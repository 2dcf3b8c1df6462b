"""What tests of bad input share: a row for every reward, and `golong score` with its processor time and memory."""
import json
import os
import subprocess

END = "</think>\n"
MEGABYTE = 1 << 20
DEADLINE = 60.0  # seconds of a slow and busy machine: nothing here may need them

LINES = ["alpha one", "beta two", "gamma three"]
SUMMARY = "The committee approved the budget of 470 crowns in March. 该项目采用集群训练仓库。"

# Reward -> how a row asks for it, and a gold of the right shape.
REWARDS = {
    "em": ("EM", "EM", {"golden_label": "临港新区"}),
    "accuracy": ("selection", "selection", {"golden_label": "C"}),
    "accuracy items": ("longbench_pro", "T3.2 Single-Hop Fact QA", {"doc_ids": LINES, "summary": "English"}),
    "f1": ("longbench_pro", "T5.1 Full-Sentence Citation Alignment", {"doc_ids": LINES, "summary": "English"}),
    "math_verify": ("math_longcot_math_verify", "math_verify", {"golden_label": "1548.9"}),
    "math_verify formula": ("math_longcot_math_verify", "math_verify", {"golden_label": "x^2-\\frac{1}{3}"}),
    "iou": ("multitableqa_pretraining", "multitableqa_pretraining",
            {"golden_label": json.dumps({"data": [["a", 1], ["b", 2.5]]})}),
    "sub_em": ("longbench_pro", "T8.2 Single-Source Targeted Aggregation", {"doc_ids": LINES, "summary": "English"}),
    "ndcg": ("longbench_pro", "T1.1 Global Cohesive Retrieval", {"doc_ids": LINES, "summary": "English"}),
    "pairwise": ("longbench_pro", "T2.1 Global Timeline Reconstruction", {"doc_ids": LINES, "summary": "English"}),
    "rouge_l": ("longbench_pro", "T4.2 Query-Focused Summary", {"doc_ids": [SUMMARY], "summary": "English"}),
    "rouge_l chinese": ("longbench_pro", "T4.2 Query-Focused Summary", {"doc_ids": [SUMMARY], "summary": "Chinese"}),
    "retrieval_calculate": ("retrieval_calculate", "retrieval_calculate",
                            {"doc_ids": ["<|doc_183|>"], "golden_label": "483"}),
}


def row(reward, name, response):
    source, mode, gold = REWARDS[reward]
    return {"id": f"{reward}: {name}", "data_source": source, "extra_info": {"reward_mode": mode},
            "reward_model": {"ground_truth": gold}, "response": response}


def score(program, lines, tmp_path, mode):
    """Scores JSONL lines; returns the rows, and the processor seconds and the largest memory of the program in bytes."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    output = tmp_path / "scores.jsonl"
    process = subprocess.Popen([program, "score", "--input", path, "--output", output, "--threads", "1", "--set",
                                f"rewards.mode={mode}", "--set", f"rewards.deadline_seconds={DEADLINE}"],
                               stderr=subprocess.PIPE, text=True)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 3), message
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(rows) == len(lines)
    return rows, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def check(rows):
    """Nothing but scores and outcomes; no reward ignores its deadline."""
    for row in rows:
        assert "ignores its deadline" not in row["detail"], (row["id"], row["detail"])
        assert "prepare hangs" not in row["detail"], (row["id"], row["detail"])
        assert row["outcome"] in ("scored", "error", "unscorable"), (row["id"], row["outcome"], row["detail"])
        assert (row["score"] is None) == (row["outcome"] != "scored")
        assert row["score"] is None or 0 <= row["score"] <= 1, row


def encoded(row):
    return json.dumps(row, ensure_ascii=False).encode()

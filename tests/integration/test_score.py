"""`golong score` and `golong bench score`: Parquet and JSONL alike, order, exit status, bounded memory."""
import json
import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests/data/reward_cases.jsonl"


def em_row(name, response, label="yes"):
    return {"id": name, "data_source": "EM", "reward_model": {"ground_truth": {"golden_label": label}},
            "response": response}


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def scores(golong, path, *arguments):
    output = path.with_suffix(".scores")
    result = golong("score", "--input", path, "--output", output, *arguments)
    assert result.returncode in (0, 3), result.stderr
    return output.read_bytes(), result


def with_text_gold(row):
    """The row with a ground truth that fits one column of texts, whatever its form."""
    gold = row["reward_model"]["ground_truth"]
    return {**row, "reward_model": {"ground_truth": gold if isinstance(gold, str) else json.dumps(gold)}}


def has_form(gold, form):
    """Whether the ground truth fits a column of structs, or one of lists of structs: one column has one type."""
    if form == "list":
        return isinstance(gold, list) and all(has_form(element, "struct") for element in gold)
    return isinstance(gold, dict) and "data" not in gold


@pytest.mark.parametrize("form", ["text", "struct", "list"])
def test_rows_in_parquet_score_as_in_jsonl(golong, tmp_path, form):
    rows = [json.loads(line) for line in open(CASES, encoding="utf-8")]
    for row in rows:
        del row["expected"]
    in_parquet = rows
    if form == "text":
        in_parquet = [with_text_gold(row) for row in rows]
    else:
        in_parquet = rows = [row for row in rows if has_form(row["reward_model"]["ground_truth"], form)]
    assert len(rows) > 5
    write_jsonl(tmp_path / "rows.jsonl", rows)
    pq.write_table(pa.Table.from_pylist(in_parquet), tmp_path / "rows.parquet", row_group_size=50)
    from_jsonl, first = scores(golong, tmp_path / "rows.jsonl")
    from_parquet, second = scores(golong, tmp_path / "rows.parquet")
    assert from_parquet == from_jsonl
    assert first.returncode == second.returncode
    assert from_jsonl.count(b"\n") == len(rows)


def test_the_released_schema_in_other_arrow_types(golong, tmp_path):
    text = pa.dictionary(pa.int32(), pa.large_string())
    message = pa.struct([("role", text.value_type), ("content", pa.string())])
    gold = pa.struct([("doc_ids", pa.large_list(pa.string())), ("golden_label", pa.large_string()),
                      ("summary", pa.string())])
    schema = pa.schema([
        ("id", pa.int64()), ("data_source", text), ("prompt", pa.list_(message)),
        ("ability", pa.null()), ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", gold)])),
        ("extra_info", pa.struct([("reward_mode", pa.string()), ("question", pa.string())])),
        ("response", pa.list_(pa.string())), ("embedding", pa.list_(pa.float32()))])
    rows = [{"id": 7, "data_source": "longbench_pro", "prompt": [{"role": "user", "content": "?"}], "ability": None,
             "reward_model": {"style": "rule", "ground_truth": {"doc_ids": ["A", "B"], "golden_label": None,
                                                                "summary": "English"}},
             "extra_info": {"reward_mode": "T1.2 Key-Snippet Retrieval", "question": None},
             "response": ["</think>[Answer]\nA\nB", "no end"], "embedding": [0.5]},
            em_row(8, ["</think>yes"])]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "rows.parquet")
    output, result = scores(golong, tmp_path / "rows.parquet")
    assert result.returncode == 0
    ranked, exact = map(json.loads, output.splitlines())
    assert (ranked["id"], ranked["reward"], ranked["score"]) == (7, "ndcg", [1.0, 0.0])
    assert (exact["id"], exact["reward"], exact["score"]) == (8, "em", [1.0])


def test_responses_that_fail_the_gate_are_counted(golong, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(em_row(i, text)) + "\n" for i, text in enumerate(["</think>yes", "yes", "no"])))
    output, result = scores(golong, path)
    assert result.returncode == 0
    assert [json.loads(line)["outcome"] for line in output.splitlines()] == ["scored"] * 3
    assert "3 rows, 3 of 3 responses scored; 2 of the scored failed the gate" in result.stderr


def test_broken_rows_get_an_outcome_and_the_rest_goes_on_in_order(golong, tmp_path):
    path = tmp_path / "rows.jsonl"
    good = json.dumps(em_row("good", "</think>yes"))
    lines = [good, "{broken", json.dumps({**em_row("source", "</think>x"), "data_source": "mystery"}), good, "[]",
             json.dumps({"id": "alone"}), good]
    path.write_text("\n".join(lines * 300) + "\n")
    output, result = scores(golong, path)
    assert result.returncode == 3
    outcomes = [json.loads(line)["outcome"] for line in output.splitlines()]
    assert outcomes == ["scored", "error", "unscorable", "scored", "error", "error", "scored"] * 300
    assert "2100 rows, 900 of 2100 responses scored, 900 error, 300 unscorable" in result.stderr


def test_the_input_is_not_written_over(golong, tmp_path):
    rows = tmp_path / "rows.jsonl"
    write_jsonl(rows, [em_row("a", "</think>yes")])
    before = rows.read_bytes()
    (tmp_path / "link").symlink_to(rows)
    for output in (rows, tmp_path / "link"):
        result = golong("score", "--input", rows, "--output", output)
        assert result.returncode == 1 and "is the input itself, which would be lost" in result.stderr
    assert rows.read_bytes() == before


def test_results_do_not_depend_on_threads(golong, tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(CASES.read_bytes())
    one, _ = scores(golong, tmp_path / "rows.jsonl", "--threads", "1")
    three, _ = scores(golong, tmp_path / "rows.jsonl", "--threads", "3")
    assert one == three


@pytest.mark.parametrize("damage, message", [
    (lambda data: data[:len(data) // 2], "this is no Parquet file, or it is cut off"),
    (lambda data: b"", "this is no Parquet file"),
])
def test_a_file_that_cannot_be_read_leaves_no_output(golong, tmp_path, damage, message):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([em_row("a", "</think>yes")]), path)
    path.write_bytes(damage(path.read_bytes()))
    result = golong("score", "--input", path, "--output", tmp_path / "scores.jsonl")
    assert result.returncode == 1
    assert f"golong: {path}: {message}" in result.stderr
    assert os.listdir(tmp_path) == ["rows.parquet"]


def test_a_damaged_row_group_costs_its_own_rows_only(golong, tmp_path):
    path = tmp_path / "rows.parquet"
    rows = [em_row(str(i), f"</think>yes {'.' * 500}{i}" if i % 2 else "</think>yes") for i in range(40)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=10, compression="none", write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[data.index(b"." * 500 + b"15") + 3] ^= 1
    path.write_bytes(data)
    output, result = scores(golong, path)
    assert result.returncode == 3
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["outcome"] for line in lines] == ["scored"] * 10 + ["error"] * 10 + ["scored"] * 20
    assert lines[12]["detail"].startswith(f"{path}:13: the row cannot be read: row group 2 of 4 (rows 11 to 20) is "
                                          "damaged from row 11 on: ")
    assert "40 rows, 30 of 40 responses scored, 10 error" in result.stderr


def test_a_column_of_the_wrong_type_names_file_row_and_column(golong, tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist([em_row("a", 3), em_row("b", 4)]), path)
    output, result = scores(golong, path)
    assert result.returncode == 3
    assert json.loads(output.splitlines()[1])["detail"] == f"{path}:2: column response is a number, expected a string"


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_memory_does_not_grow_with_the_file(golong, tmp_path, kind):
    """400 responses of a megabyte, in Parquet as one row group."""
    def peak(rows):
        path = tmp_path / f"{len(rows)}.{kind}"
        if kind == "jsonl":
            write_jsonl(path, rows)
        else:
            pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd")
        process = subprocess.Popen([golong.program, "score", "--input", str(path), "--output", str(path) + ".scores"],
                                   stderr=subprocess.DEVNULL, env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"})
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        return usage.ru_maxrss / 1024
    rows = [em_row(str(i), "</think>" + f"{i} word " * 125_000) for i in range(400)]
    assert peak(rows) < peak(rows[:150]) + 150


def test_tokenize_reads_parquet(golong, tmp_path):
    rows = [{"id": i, "text": f"row {i}", "other": 1} for i in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    write_jsonl(tmp_path / "rows.jsonl", rows)
    outputs = []
    for name in ("rows.parquet", "rows.jsonl"):
        result = golong("tokenize", "--model", ROOT / "tests/data/tokenizer", "--input", tmp_path / name,
                        "--output", tmp_path / "out")
        assert result.returncode == 0, result.stderr
        outputs.append((tmp_path / "out").read_text())
    assert outputs[0] == outputs[1]


def test_bench_score_reports_each_reward(golong, tmp_path):
    result = golong("bench", "score", "--input", CASES, "--json", "--repetitions", "1", timeout=300)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    rows = [json.loads(line) for line in open(CASES, encoding="utf-8")]
    assert sum(reward["rows"] for reward in report["rewards"]) + report["left_out"] == len(rows)
    assert {"em", "f1", "iou", "math_verify", "ndcg", "rouge_l"} <= {reward["reward"] for reward in report["rewards"]}
    for reward in report["rewards"]:
        assert 0 < reward["row_p50_s"] <= reward["row_p99_s"]
        assert reward["rows_per_s_1_thread"] > 0 and reward["rows_per_s"] > 0
    table = golong("bench", "score", "--input", CASES, "--repetitions", "1", timeout=300)
    assert "row p50 [us]" in table.stdout and "math_verify" in table.stdout


def test_bench_score_without_a_row_to_measure(golong, tmp_path):
    write_jsonl(tmp_path / "rows.jsonl", [em_row("a", "no end")])
    result = golong("bench", "score", "--input", tmp_path / "rows.jsonl")
    assert result.returncode == 1
    assert "no row can be measured" in result.stderr

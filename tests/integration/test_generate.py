"""`golong generate`: the tokens that transformers takes, going on after a kill, output that `golong score` reads."""
import contextlib
import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "configs/demo"


def prompts(path, count):
    path.write_text("".join((DEMO / "data/eval.jsonl").read_text().splitlines(keepends=True)[:count]))
    return path


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def generate(golong):
    def run(source, output, *options):
        return golong("generate", "--model", DEMO / "model", "--prompts", source, "--output", output, *options)
    return run


def test_greedy_tokens_are_those_of_transformers(generate, tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    source = tmp_path / "in.jsonl"
    texts = ["The package", "Depends: libc6 (>= 2.14), lib", "1. 2. 3. 4.", "文件"]
    source.write_text("".join(json.dumps({"id": i, "prompt": text}) + "\n" for i, text in enumerate(texts)))
    result = generate(source, tmp_path / "out.jsonl", "--raw", "--temperature", 0, "--max-new-tokens", 40, "--logprobs")
    assert result.returncode == 0, result.stderr
    model = transformers.AutoModelForCausalLM.from_pretrained(DEMO / "model", dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(DEMO / "model")
    for text, row in zip(texts, rows(tmp_path / "out.jsonl"), strict=True):
        ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
        assert row["prompt_tokens"] == ids.shape[1]
        expected = model.generate(ids, max_new_tokens=40, do_sample=False)[0, ids.shape[1]:]
        assert row["response_ids"] == [expected.tolist()]
        with torch.no_grad():
            logits = model(torch.cat([ids, expected[None]], 1)).logits[0, ids.shape[1] - 1:-1]
        logprobs = logits.log_softmax(-1).gather(1, expected[:, None])[:, 0]
        assert (torch.tensor(row["logprobs"][0]) - logprobs).abs().max() < 1e-4


def test_after_a_kill_the_same_command_goes_on(golong, generate, tmp_path):
    source = prompts(tmp_path / "in.jsonl", 200)
    options = ["--n", "8", "--max-new-tokens", "48", "--seed", "3", "--batch-invariant"]
    assert generate(source, tmp_path / "whole.jsonl", *options).returncode == 0
    output, part = tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    process = subprocess.Popen([golong.program, "generate", "--model", DEMO / "model", "--prompts", source, "--output",
                                output, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert part.exists(), "it was done before it could be killed"
    with open(part, "a") as file:
        file.write('{"half a li')
    other = generate(source, output, "--n", 4, *options[2:])
    assert other.returncode == 1 and "is part of other work" in other.stderr and "n was 8, is 4" in other.stderr
    again = generate(source, output, *options)
    assert again.returncode == 0 and "going on after" in again.stderr
    assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl", "whole.jsonl"]


def test_rows_are_written_while_later_ones_are_generated(golong, generate, tmp_path):
    """More responses than run together: the first rows are there long before the last."""
    source = prompts(tmp_path / "in.jsonl", 60)
    whole = tmp_path / "whole.jsonl"
    options = ["--n", "16", "--max-new-tokens", "64"]
    assert generate(source, whole, *options).returncode == 0
    assert [row["id"] for row in rows(whole)] == [row["id"] for row in rows(source)]
    output = tmp_path / "out.jsonl"
    process = subprocess.Popen([golong.program, "generate", "--model", DEMO / "model", "--prompts", source, "--output",
                                output, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = set()
    while process.poll() is None:
        with contextlib.suppress(FileNotFoundError):  # not yet, or no longer
            seen.add((tmp_path / "out.jsonl.part").read_bytes().count(b"\n"))
        time.sleep(0.005)
    assert process.returncode == 0
    # 16 rows run together, and none waits for the slowest of them.
    assert any(count % 16 for count in seen - {60}), f"written in lumps: {sorted(seen)}"


def test_rows_with_the_same_id_are_drawn_apart(generate, tmp_path):
    row = json.dumps({"id": "a", "prompt": "Section 1"}) + "\n"
    (tmp_path / "in.jsonl").write_text(row * 2)
    assert generate(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--max-new-tokens", 24).returncode == 0
    first, second = rows(tmp_path / "out.jsonl")
    assert first["response_ids"] != second["response_ids"]


def test_ids_that_no_token_has_do_not_end_the_work(golong, tmp_path):
    """Models have more rows in their embedding than their tokenizers have tokens."""
    config = json.loads((DEMO / "model/config.json").read_text()) | {"vocab_size": 4096}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert golong("make-model", "--config", tmp_path / "config.json", "--output", tmp_path / "model").returncode == 0
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(DEMO / "model" / file, tmp_path / "model" / file)
    source = prompts(tmp_path / "in.jsonl", 2)
    result = golong("generate", "--model", tmp_path / "model", "--prompts", source, "--output", tmp_path / "out.jsonl",
                    "--n", 2, "--max-new-tokens", 30, "--stop", "never this")
    assert result.returncode == 0, result.stderr
    made = rows(tmp_path / "out.jsonl")
    assert max(id for row in made for ids in row["response_ids"] for id in ids) >= 2048
    reference = Tokenizer.from_file(str(DEMO / "model/tokenizer.json"))
    assert [[reference.decode(ids) for ids in row["response_ids"]] for row in made] == [row["response"] for row in made]


def test_what_is_no_file_stays_what_it_is(generate, tmp_path):
    source = prompts(tmp_path / "in.jsonl", 2)
    pipe = generate(source, "/dev/stdout", "--max-new-tokens", 4)
    assert pipe.returncode == 0 and [len(json.loads(line)["response"]) for line in pipe.stdout.splitlines()] == [1, 1]
    (tmp_path / "link").symlink_to("target")
    for _ in range(2):  # it is written anew
        assert generate(source, tmp_path / "link", "--max-new-tokens", 4).returncode == 0
    assert (tmp_path / "link").is_symlink() and len(rows(tmp_path / "target")) == 2
    (tmp_path / "out.jsonl.part").write_text("precious\n")
    refused = generate(source, tmp_path / "out.jsonl", "--max-new-tokens", 4)
    assert refused.returncode == 1 and "out.jsonl.part is there, and no " in refused.stderr
    assert (tmp_path / "out.jsonl.part").read_text() == "precious\n"


@pytest.mark.parametrize("option, value", [("--temperature", "nan"), ("--top-p", "nan"), ("--min-p", "nan"), ("--n", 0),
                                           ("--repetition-penalty", "nan"), ("--seed", -1), ("--seed", 2**64), ("--seed", "1x")])
def test_numbers_that_are_none_are_refused(generate, tmp_path, option, value):
    result = generate(prompts(tmp_path / "in.jsonl", 1), tmp_path / "out.jsonl", option, value)
    assert result.returncode == 2 and option in result.stderr and str(value) in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_score_reads_what_was_generated(golong, generate, tmp_path):
    source = prompts(tmp_path / "in.jsonl", 12)
    assert generate(source, tmp_path / "out.jsonl", "--n", 3, "--max-new-tokens", 64).returncode == 0
    made = rows(tmp_path / "out.jsonl")
    for before, after in zip(rows(source), made, strict=True):
        assert {key: after[key] for key in before if key != "prompt"} == {k: v for k, v in before.items() if k != "prompt"}
        assert len(after["response"]) == len(after["response_ids"]) == len(after["finish"]) == 3
        assert set(after["finish"]) <= {"stop", "length"} and "prompt" not in after and "logprobs" not in after
    scored = golong("score", "--input", tmp_path / "out.jsonl")
    assert scored.returncode == 0, scored.stderr
    assert all(len(json.loads(line)["score"]) == 3 for line in scored.stdout.splitlines())


def test_parquet_gives_what_jsonl_gives(generate, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = [{"id": f"r{i}", "prompt": f"Section {i}", "source_url": f"https://x/{i}"} for i in range(5)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "in.parquet")
    for kind in ("jsonl", "parquet"):
        result = generate(tmp_path / f"in.{kind}", tmp_path / kind, "--max-new-tokens", 8)
        assert result.returncode == 0, result.stderr
    assert rows(tmp_path / "jsonl") == rows(tmp_path / "parquet")
    assert [row["source_url"] for row in rows(tmp_path / "jsonl")] == [row["source_url"] for row in table]


def test_a_bad_row_is_named_before_anything_is_generated(generate, tmp_path):
    source = prompts(tmp_path / "in.jsonl", 3)
    with open(source, "a") as file:
        file.write('{"id": "x"}\n')
    result = generate(source, tmp_path / "out.jsonl", "--n", 256, "--max-new-tokens", 4)
    assert result.returncode == 1 and f"{source}:4: there is no column prompt, or nothing in it" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
    source.write_text(json.dumps({"prompt": "word " * 3000}) + "\n")
    result = generate(source, tmp_path / "long.jsonl")
    assert result.returncode == 1 and f"{source}:1: the prompt has " in result.stderr
    source.write_text(json.dumps({"prompt": [{"role": "tool", "content": "x"}]}) + "\n")
    result = generate(source, tmp_path / "tool.jsonl")
    assert result.returncode == 1 and f'{source}:1: message 0 has the role "tool"' in result.stderr
    (tmp_path / "folder").mkdir()
    result = generate(source, tmp_path / "folder")
    assert result.returncode == 1 and "is a folder" in result.stderr
    assert not list(tmp_path.glob("folder.*"))


def test_a_template_that_does_not_fit_the_tokenizer_names_the_one_that_does(golong, tmp_path):
    model = tmp_path / "llama"
    shutil.copytree(DEMO / "model", model)
    text = (model / "tokenizer.json").read_text(encoding="utf-8")
    for token, instead in (("<|endoftext|>", "<|begin_of_text|>"), ("<|im_start|>", "<|start_header_id|>"),
                           ("<|im_end|>", "<|eot_id|>"), ("<think>", "<|end_header_id|>")):
        text = text.replace(json.dumps(token), json.dumps(instead))
    (model / "tokenizer.json").write_text(text, encoding="utf-8")
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"prompt": "Say <|eot_id|>"}) + "\n")
    command = ["generate", "--model", model, "--prompts", source, "--output", output, "--max-new-tokens", "1"]
    result = golong(*command)
    assert result.returncode == 1 and not output.exists()
    assert 'set --chat-template to one whose tokens it has: "llama3"; `golong generate --raw` needs none' in result.stderr, result.stderr
    result = golong(*command, "--chat-template", "llama3")  # what was refused left no work to go on with
    assert result.returncode == 0, result.stderr
    reference = Tokenizer.from_file(str(model / "tokenizer.json"))
    contents = json.loads(text)
    contents["added_tokens"] = []  # a special token within a message is text
    message = Tokenizer.from_str(json.dumps(contents)).encode("\n\nSay <|eot_id|>").ids
    head = reference.encode("<|begin_of_text|><|start_header_id|>user<|end_header_id|>").ids
    tail = reference.encode("<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n").ids
    assert rows(output)[0]["prompt_tokens"] == len(head) + len(message) + len(tail)
    output.unlink()
    assert golong(*command, "--raw").returncode == 0

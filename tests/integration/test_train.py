"""golong train, sft, eval, export, logprobs as a user runs them; runs that are killed at any moment go on exactly."""
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.run_files import depends_on_the_machine

ROOT = Path(__file__).resolve().parents[2]
SHAPE = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0, "max_position_embeddings": 512, "tie_word_embeddings": True, "torch_dtype": "float32",
    "hidden_act": "silu", "attention_bias": False, "vocab_size": 2048,
}
# Words that a model which knows nothing writes now and then, so that its rewards differ.
WORDS = ("li lib f p for s t c d g m r a n libs P to G b in python library w C R S doc A files D th l M x o and devel net "
         "gn L utils T the k ruby h font v ad F O GN jav games E text Python tool")


def summary_row(i):
    return {"id": f"s{i}", "data_source": "longbench_pro", "ability": "Long document summarization",
            "prompt": [{"role": "user", "content": f"Summarize document {i}"}],
            "reward_model": {"ground_truth": {"doc_ids": [WORDS], "golden_label": "", "summary": "English"}},
            "extra_info": {"reward_mode": "T4.1 Global-Coverage Constrained Summary"}}


@pytest.fixture(scope="module")
def model(golong, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    source = ROOT / "tests" / "data" / "tokenizer"
    (folder / "shape").mkdir()
    (folder / "shape" / "config.json").write_text(json.dumps(SHAPE))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / "shape" / name).write_bytes((source / name).read_bytes())
    result = golong("make-model", "--config", folder / "shape" / "config.json", "--output", folder / "tiny")
    assert result.returncode == 0, result.stderr
    return folder / "tiny"


@pytest.fixture
def config(model, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(summary_row(i)) + "\n" for i in range(12)))
    path = tmp_path / "run.toml"
    path.write_text(f"""
model.path = "{model}"
data.train = ["{rows}"]
data.cache = "{tmp_path}/cache"
rollout.n = 3
rollout.max_response_tokens = 10
rewards.gate = false
checkpoint.every = 2
[train]
steps = 8
prompts_per_step = 3
generation_prompts = 4
learning_rate = 3e-3
warmup_steps = 2
""")
    return path


def metrics_of(run):
    """Numbers by step, without those of the machine; no step stands twice."""
    steps = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        values = json.loads(line)
        assert values["step"] not in steps
        steps[values["step"]] = {name: value for name, value in values.items()
                                 if not depends_on_the_machine(name)}
    return steps


def state_of(run):
    """The newest checkpoint's bytes, by file."""
    newest = max((run / "checkpoints").glob("step-*"))
    return {path.name: path.read_bytes() for path in newest.iterdir() if path.name not in ("run.toml", "manifest.json")}


def start(golong, config, run, *arguments):
    return subprocess.Popen([golong.program, "train", str(config), "--set", f'run.directory="{run}"', *arguments],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def kill_after_step(process, step):
    """Kills while the step after `step` goes on."""
    for line in process.stderr:
        if line.startswith(f"train {step}/"):
            break
    process.kill()


def kill_while_saving(process, run):
    """Kills when a folder of a checkpoint that is being written shows."""
    checkpoints = run / "checkpoints"
    while process.poll() is None:
        if checkpoints.is_dir() and any(name.startswith(".saving-") for name in os.listdir(checkpoints)):
            process.kill()
            return


def test_a_killed_run_goes_on_to_the_same_weights(golong, config, tmp_path):
    whole = tmp_path / "whole"
    result = golong("train", config, "--set", f'run.directory="{whole}"')
    assert result.returncode == 0, result.stderr
    expected = metrics_of(whole)
    assert sorted(expected) == list(range(1, 9))
    assert sum(values["train/grad_norm"] for values in expected.values()) > 0

    run = tmp_path / "killed"
    process = start(golong, config, run)
    kill_after_step(process, 3)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    process = start(golong, config, run, "--resume")
    kill_while_saving(process, run)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    process = start(golong, config, run, "--resume")
    kill_after_step(process, 7)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()
    result = golong("train", config, "--set", f'run.directory="{run}"', "--resume")
    assert result.returncode == 0, result.stderr
    assert metrics_of(run) == expected
    assert state_of(run) == state_of(whole)


def test_ctrl_c_saves_and_says_how_to_go_on(golong, config, tmp_path):
    run = tmp_path / "run"
    process = start(golong, config, run, "--set", "train.steps=100000")
    for line in process.stderr:
        if line.startswith("train 2/"):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == 130
    assert "--resume" in rest
    done = max(metrics_of(run))
    assert max((run / "checkpoints").glob("step-*")).name == f"step-{done:08}"
    process.stderr.close()


def test_a_reward_that_dies_and_hangs_in_the_middle_of_a_step(golong, config, tmp_path):
    """Isolated, it costs outcomes, which are counted, and the run goes on."""
    config.write_text(config.read_text() + f"""
[plugins]
path = ["{golong.bad_plugins}/bad_isolated.so"]
[tasks.summarization]
reward = "bad_fickle"
[rewards.bad_fickle]
isolate = true
""")
    run = tmp_path / "run"
    result = golong("train", config, "--set", f"run.directory={run}", "--set", "train.steps=3", "--set",
                    "rewards.deadline_seconds=0.2")
    assert result.returncode == 0, result.stderr
    steps = metrics_of(run)
    assert sorted(steps) == [1, 2, 3]
    counts = {outcome: sum(step.get(f"outcome/summarization/{outcome}", 0) for step in steps.values())
              for outcome in ("scored", "timeout", "error", "unscorable")}
    assert counts["scored"] > 0 and counts["timeout"] > 0 and counts["error"] > 0 and counts["unscorable"] == 0
    for step in steps.values():
        outcomes = [step.get(f"outcome/summarization/{outcome}", 0) for outcome in counts]
        assert step["outcome/not_scored"] == pytest.approx(1 - outcomes[0] / sum(outcomes))
        assert sum(outcomes) % 3 == 0  # whole groups
    shown = golong("config", "show", config)
    assert "[rewards.bad_fickle]\nisolate = true\n" in shown.stdout


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(golong, config, tmp_path):
    run = tmp_path / "run"
    assert golong("train", config, "--set", f'run.directory="{run}"').returncode == 0
    expected = metrics_of(run), state_of(run)
    newest = run / "checkpoints" / "step-00000008" / "model.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    result = golong("train", config, "--set", f'run.directory="{run}"', "--resume")
    assert result.returncode == 0, result.stderr
    assert "step-00000008" in result.stderr and "model.safetensors" in result.stderr
    assert (metrics_of(run), state_of(run)) == expected


def test_a_folder_with_checkpoints_is_not_overwritten(golong, config, tmp_path):
    run = tmp_path / "run"
    short = ("--set", f'run.directory="{run}"', "--set", "train.steps=1")
    assert golong("train", config, *short).returncode == 0
    result = golong("train", config, *short)
    assert result.returncode == 1 and "--resume" in result.stderr


def test_a_misspelt_key_is_found_before_anything_is_loaded(golong, config):
    config.write_text(config.read_text() + "learning_rat = 1\n")
    result = golong("train", config)
    assert result.returncode == 1
    assert "unknown key train.learning_rat; did you mean train.learning_rate?" in result.stderr


def test_export_eval_and_logprobs_of_a_trained_model(golong, config, model, tmp_path):
    run = tmp_path / "run"
    place = ("--set", f'run.directory="{run}"')
    assert golong("train", config, *place, "--set", "train.steps=2").returncode == 0
    exported = tmp_path / "exported"
    result = golong("export", config, "--checkpoint", run / "checkpoints" / "step-00000002", "--output", exported)
    assert result.returncode == 0, result.stderr
    rows = str(tmp_path / "rows.jsonl")
    measure = (*place, "--set", f'data.eval=["{rows}"]', "--set", "eval.max_response_tokens=8")
    newest = golong("eval", config, *measure)
    named = golong("eval", config, *measure, "--model", exported)
    assert newest.returncode == 0 and named.returncode == 0, newest.stderr + named.stderr
    after, of_export = json.loads(newest.stdout), json.loads(named.stdout)
    assert after.pop("model") == f"{run}/checkpoints, step 2" and of_export.pop("model") == str(exported)
    assert after == of_export
    result = golong("export", config, "--checkpoint", run / "checkpoints" / "step-00000002", "--output", model)
    assert result.returncode == 1 and "is model.path itself" in result.stderr
    assert after["count"] == {"summarization": 12} and 0 < after["after"]["summarization"] < 1

    tokens = tmp_path / "tokens.jsonl"
    tokens.write_text('{"id": "a", "prompt_ids": [1, 2, 3], "response_ids": [4, 5]}\n'
                      '{"id": 7, "prompt_ids": [9], "response_ids": []}\n')
    outputs = []
    for folder in (exported, model):
        output = tmp_path / "logprobs.jsonl"
        result = golong("logprobs", "--model", folder, "--input", tokens, "--output", output)
        assert result.returncode == 0, result.stderr
        outputs.append([json.loads(line) for line in output.read_text().splitlines()])
    assert [row["id"] for row in outputs[0]] == ["a", 7]
    assert len(outputs[0][0]["logprobs"]) == 2 and outputs[0][1]["logprobs"] == []
    assert all(value < 0 for value in outputs[0][0]["logprobs"])
    assert outputs[0][0]["logprobs"] != outputs[1][0]["logprobs"], "training changed nothing"


def test_sft_lowers_the_loss_that_it_prints(golong, config, tmp_path):
    rows = str(tmp_path / "rows.jsonl")
    settings = ["sft.steps=20", "sft.rows_per_step=4", "sft.learning_rate=1e-2", "sft.warmup_steps=2",
                "sft.eval_every=1", f'data.eval=["{rows}"]']
    result = golong("sft", config, "--output", tmp_path / "out", *[x for s in settings for x in ("--set", s)])
    assert result.returncode == 0, result.stderr
    losses = [float(line.split(" all ")[1].split()[0]) for line in result.stderr.splitlines() if "held-out loss" in line]
    assert len(losses) >= 10 and losses[-1] < losses[0] - 0.5
    assert (tmp_path / "out" / "model.safetensors").exists() and (tmp_path / "out" / "tokenizer.json").exists()

"""The golong command on good and on bad input: exit status, and messages that say what to do."""
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))


def commands(golong):
    """Names and descriptions of `golong --help`."""
    text = golong("--help").stdout
    return dict(re.findall(r"^  (\S+) {2,}(\S.*)$", text.split("Subcommands:")[1], re.M))


def fails(result, status, message):
    """One line on stderr that holds `message`, and nothing else."""
    assert result.returncode == status, result
    assert result.stderr.startswith("golong: ") and result.stderr.count("\n") == 1, result.stderr
    assert message in result.stderr
    return True


def test_help_names_every_command(golong):
    names = commands(golong)
    assert {"train", "eval", "sft", "export", "score", "plugin", "config", "doctor", "tokenize", "logprobs", "make-model",
            "data", "report"} <= set(names)
    for name in names:
        result = golong(name, "--help")
        assert result.returncode == 0 and "Usage: golong " + name in result.stdout, result


def test_every_command_has_its_section_in_the_docs(golong):
    text = (ROOT / "docs/reference/cli.md").read_text()
    sections = re.findall(r"^## `golong ([\w-]+)", text, re.M)
    assert sections == list(commands(golong))


def test_every_option_stands_in_its_section(golong):
    text = (ROOT / "docs/reference/cli.md").read_text()
    for part in text.split("\n## `golong ")[1:]:
        name = re.match(r"[\w-]+", part)[0]
        helps = golong(name, "--help").stdout
        for sub in re.findall(r"^  ([a-z-]+) {2,}", helps.partition("Subcommands:")[2], re.M):
            assert f"golong {name} {sub}" in part, f"{name} {sub} is not in its section"
            helps += golong(name, sub, "--help").stdout
        for option in set(re.findall(r"--[a-z][a-z-]*", helps)) - {"--help"}:
            assert option in part, f"{option} is not in the section of {name}"


def test_version(golong):
    assert golong("--version").stdout == "golong 0.1.0\n"


@pytest.mark.parametrize("arguments, message", [
    (["trian", "x"], "unknown command trian; did you mean train? (see `golong --help`)"),
    (["config", "sho", "x"], "unknown command sho; did you mean show? (see `golong config --help`)"),
    (["train"], "config is required (see `golong train --help`)"),
    (["train", "a.toml", "--resum"], "unknown option --resum; did you mean --resume?"),
    (["train", "a.toml", "b.toml"], "unexpected argument b.toml"),
    (["config"], "(see `golong config --help`)"),
    (["sft", "a.toml"], "--output is required"),
    (["make-model", "--config", "/dev/null", "--output", "x", "--seed", "many"], "--seed"),
    (["logprobs", "--model", "nowhere", "--input", "x", "--output", "y"], "nowhere"),
    (["launch", "--nproc", "0", "train", "x.toml"], "--nproc"),
    (["launch", "--nproc", "x", "train", "x.toml"], "--nproc"),
    (["launch", "--nproc", "2", "--restarts", "-1", "train", "x.toml"], "--restarts"),
    (["export", "a.toml", "--checkpoint", "nowhere", "--output", "y"], "nowhere"),
])
def test_wrong_command_lines(golong, tmp_path, arguments, message):
    assert fails(golong(*arguments, cwd=tmp_path), 2, message)


def test_without_a_command_it_shows_help(golong):
    result = golong()
    assert result.returncode == 2 and "Subcommands:" in result.stderr


def test_a_misspelt_key(golong, tmp_path):
    (tmp_path / "x.toml").write_text("# mine\n[train]\nlearning_rat = 1e-5\n")
    result = golong("train", "x.toml", cwd=tmp_path)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr == "golong: x.toml:3:1: unknown key train.learning_rat; did you mean train.learning_rate?\n"


def test_every_mistake_is_named_at_once(golong, tmp_path):
    (tmp_path / "base.toml").write_text("[rollout]\nn = 0\ntop_q = 1\n")
    (tmp_path / "x.toml").write_text("extends = 'base.toml'\n[run]\nfolder = 'x'\n[routes.a]\ntusk = 'em'\nreward = 3\n"
                                     "[train]\nsteps = 'x'\n")
    result = golong("config", "check", "x.toml", "--set", "sft.step=3", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == (
        "golong: base.toml:2:5: rollout.n: expected an integer, at least 1; found 0\n"
        "base.toml:3:1: unknown key rollout.top_q; did you mean rollout.top_k?\n"
        "x.toml:3:1: unknown key run.folder; `golong config reference` lists the keys\n"
        "x.toml:5:1: unknown key routes.a.tusk; a route has the keys task and reward\n"
        "x.toml:6:10: routes.a.reward: expected a string, found 3\n"
        "x.toml:8:9: train.steps: expected an integer, found the string \"x\"\n"
        "--set: unknown key sft.step; did you mean sft.steps?\n")


def test_every_mistake_about_plugins_is_named_at_once(golong, tmp_path):
    (tmp_path / "x.toml").write_text("[train]\nnormalizer = 'grop'\n[rewards.rouge_l]\nmodus = 'strict'\nmode = 'fast'\n"
                                     "[routes.a]\nreward = 'f2'\n")
    result = golong("config", "check", "x.toml", cwd=tmp_path)
    assert result.returncode == 1
    assert [line.split()[0] for line in result.stderr.removeprefix("golong: ").splitlines()] == [
        "x.toml:5:1:", "x.toml:4:1:", "x.toml:2:14:", "x.toml:7:10:"]


def test_a_file_of_another_kind_is_not_listed_line_by_line(golong, tmp_path):
    (tmp_path / "x.toml").write_text("".join(f"key{i} = 1\n" for i in range(1000)))
    result = golong("config", "check", "x.toml", cwd=tmp_path)
    assert result.returncode == 1 and result.stderr.endswith("... and 980 more\n")
    assert len(result.stderr.splitlines()) == 21


@pytest.mark.parametrize("text, message", [
    ("[train]\nsteps = 'x'\n", "x.toml:2:9: train.steps: expected an integer, found the string \"x\""),
    ("[train\n", "x.toml:1:7: not valid TOML"),
    ("extends = 'x.toml'\n", "extends goes in a circle"),
    ("[rollout]\nn = 0\n", "x.toml:2:5: rollout.n: expected an integer, at least 1; found 0"),
    ("[train]\nnormalizer = 'grop'\n", 'x.toml:2:14: train.normalizer: there is no normalizer plugin "grop"; did you mean grpo?'),
    ("[normalizers.tmn_reweigt]\nalpha = 1.0\n", 'x.toml:1:1: normalizers.tmn_reweigt: there is no normalizer plugin "tmn_reweigt"'),
    ("[normalizers.tmn_reweight]\nalpa = 1.0\n", "x.toml:2:1"),
    ("[normalizers.tmn_reweight]\nalpha = 'high'\n", "x.toml:2:1"),
    ("[rewards.f2]\n", 'there is no reward plugin "f2"'),
    ("[tasks.summarization]\nreward = 'rouge'\n", 'x.toml:2:10: tasks.summarization.reward: there is no reward plugin "rouge"'),
    ("[routes.mine]\ntask = 'sumarization'\n", 'routes.mine.task: there is no task plugin "sumarization"; did you mean summarization?'),
    ("[data]\ntask_weights = { summary = 1 }\n", "data.task_weights.summary: there is no task plugin"),
    ("[plugins]\npath = ['nowhere']\n", "nowhere"),
])
def test_config_check_names_the_mistake(golong, tmp_path, text, message):
    (tmp_path / "x.toml").write_text(text)
    assert fails(golong("config", "check", "x.toml", cwd=tmp_path), 1, message)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_shipped_configs_pass_the_check(golong, config):
    result = golong("config", "check", config.relative_to(ROOT), cwd=ROOT)
    assert result.returncode == 0 and result.stdout.count("ok ") == 2, result


def test_config_show_is_complete_and_reads_back(golong, tmp_path):
    first = golong("config", "show", "configs/demo.toml", "--set", "train.learning_rate=3e-5", "--set",
                   "run.directory=runs/elsewhere", cwd=ROOT)
    assert first.returncode == 0
    shown = tomllib.loads(first.stdout)
    assert shown["train"]["learning_rate"] == 3e-5 and shown["run"]["directory"] == "runs/elsewhere"
    assert shown["train"]["beta2"] == 0.999  # a default
    (tmp_path / "shown.toml").write_text(first.stdout)
    assert golong("config", "show", tmp_path / "shown.toml").stdout == first.stdout


def test_overrides_come_after_a_positional_argument_or_before(golong):
    expected = golong("config", "show", "configs/demo.toml", "--set", "train.seed=5", cwd=ROOT).stdout
    assert "seed = 5" in expected
    assert golong("config", "show", "--set", "train.seed=5", "configs/demo.toml", cwd=ROOT).stdout == expected
    assert golong("config", "show", "--set=train.seed=5", "configs/demo.toml", cwd=ROOT).stdout == expected


def test_a_wrong_override_names_the_nearest_key(golong):
    result = golong("train", "configs/demo.toml", "--set", "train.learning_rat=1", cwd=ROOT)
    assert fails(result, 1, "--set: unknown key train.learning_rat; did you mean train.learning_rate?")


def test_missing_config_file(golong, tmp_path):
    assert fails(golong("train", "gone.toml", cwd=tmp_path), 1, "cannot open gone.toml: No such file or directory")


def test_files_are_checked_before_anything_is_loaded(golong, tmp_path):
    (tmp_path / "x.toml").write_text("[model]\npath = 'gone'\n")
    assert fails(golong("train", "x.toml", cwd=tmp_path), 1, "x.toml:2:8: model.path: there is no folder gone")
    (tmp_path / "x.toml").write_text("[model]\npath = '.'\n[data]\ntrain = ['gone.jsonl']\n")
    assert fails(golong("sft", "x.toml", "--output", "out", cwd=tmp_path), 1, "x.toml:4:9: data.train: there is no file gone.jsonl")
    assert fails(golong("eval", "x.toml", cwd=tmp_path), 1, "data.eval: expected at least one file of rows")


def test_a_mesh_of_more_ranks_than_run_is_refused(golong, tmp_path):
    (tmp_path / "rows.jsonl").write_text("{}\n")
    (tmp_path / "x.toml").write_text("[model]\npath = '.'\n[data]\ntrain = ['rows.jsonl']\n[parallel]\nshard = 8\n")
    assert fails(golong("train", "x.toml", cwd=tmp_path), 1, "= 8 ranks, and 1 is running")


def test_config_reference_is_the_committed_page(golong):
    assert golong("config", "reference").stdout == (ROOT / "docs/reference/config.md").read_text()


def test_doctor_says_what_is_there(golong):
    result = golong("doctor")
    assert result.returncode in (0, 1)
    assert (result.returncode == 1) == ("MISSING" in result.stdout)
    lines = {line.split()[1]: line for line in result.stdout.splitlines() if line[:1] in "onM" and len(line.split()) > 2}
    assert {"golong", "system", "processor", "memory", "disk", "libraries", "plugins", "engine"} <= set(lines)
    assert "9 tasks" in lines["plugins"] and "4 normalizers" in lines["plugins"]


def test_doctor_names_a_broken_plugin(golong, tmp_path):
    (tmp_path / "broken.so").write_text("no library")
    result = golong("doctor", env={"GOLONG_PLUGIN_PATH": str(tmp_path)})
    assert result.returncode == 1
    assert re.search(r"MISSING +plugins .*broken\.so", result.stdout)
    assert "to mend it" in result.stdout


def test_report_of_a_folder_without_metrics(golong, tmp_path):
    assert fails(golong("report", ".", "--output", "x.html", cwd=tmp_path), 1, "metrics.jsonl")
    assert not (tmp_path / "x.html").exists()


def test_output_that_nobody_reads(golong):
    """stdout is closed by a reader that has seen enough: the program ends, and does not hang or crash."""
    child = subprocess.Popen([golong.program, "config", "reference"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.close()
    _, error = child.communicate(timeout=60)
    assert child.returncode in (0, -13), error


def test_output_on_a_full_disk(golong):
    with open("/dev/full", "w") as full:
        result = subprocess.run([golong.program, "config", "reference"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert result.stderr == "golong: cannot write the output: No space left on device\n"

"""golong.Config: reading, setting, checking."""
import copy
import pickle
from pathlib import Path

import golong
import numpy as np
import pytest


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('[train]\nlearning_rate = 1e-5\nnormalizer = "grpo"\n[data]\ntrain = ["a.jsonl"]\n'
                    '[normalizers.tmn_reweight]\nalpha = 0.5\n[routes."my.source"]\nreward = "em"\n')
    return golong.load_config(file, ["rollout.n=4", "train.seed=7"])


def test_values_are_read(config):
    assert config.train.learning_rate == 1e-5
    assert config["train.learning_rate"] == 1e-5
    assert config["train"].normalizer == "grpo"
    assert config.train["normalizer"] == "grpo"
    assert config.rollout.n == 4 and config.train.seed == 7
    assert config.data.train == ["a.jsonl"]
    assert config.rewards.timeout_reward is None
    assert config.train.rollout_correction.mode == "none"
    assert config.normalizers.tmn_reweight.alpha == 0.5
    assert config["routes.my.source.reward"] == "em"
    assert golong.Config(["train.seed=3"]).train.seed == 3


def test_values_are_set(config):
    config.train.learning_rate = 2e-6
    config["train.rollout_correction.mode"] = "clip"
    config.rewards.timeout_reward = -1
    config.data.eval = ("b.jsonl", "c.jsonl")
    config.data.task_weights = {"summarization": 2, "graded_ranking": 0.5}
    config.model.path = Path("some/model")
    config.rollout.n = np.int64(3)
    config["rewards.f1.mode"] = "strict"
    assert config.train.learning_rate == 2e-6 and config.train.rollout_correction.mode == "clip"
    assert config.rewards.timeout_reward == -1 and config.data.eval == ["b.jsonl", "c.jsonl"]
    assert config.data.task_weights == {"summarization": 2, "graded_ranking": 0.5}
    assert config.model.path == "some/model" and config.rollout.n == 3
    assert config.rewards.f1.mode == "strict"
    config.data.task_weights = {"summarization": 1}
    assert config.data.task_weights == {"summarization": 1}
    config.rewards.timeout_reward = None
    assert config.rewards.timeout_reward is None


def test_text_is_taken_as_it_stands(config):
    for text in ['quo"te', "back\\slash", "new\nline", "中文", "1e-5", "true", ""]:
        config.model.path = text
        assert config.model.path == text


def test_several_keys_are_set_together_or_not_at_all(config):
    before = config.to_dict()
    with pytest.raises(golong.Error):
        config.update({"train.learning_rate": 5e-6, "rollout.n": 0})
    with pytest.raises(golong.Error, match="^unknown key a;.*\nrollout.n: expected .* found 0$"):
        config.update({"a.b": 1, "rollout.n": 0})
    assert config.to_dict() == before
    config.update({"train.prompts_per_step": 12, "train.mini_batch_prompts": 4})
    assert config.train.prompts_per_step == 12
    config.train = {"prompts_per_step": 8, "mini_batch_prompts": 8}
    assert config.train.mini_batch_prompts == 8


def test_toml_reads_back(config, tmp_path):
    config.data.task_weights = {"summarization": 2}
    file = tmp_path / "out.toml"
    file.write_text(config.to_toml())
    assert golong.load_config(file) == config


def test_copies_are_their_own(config):
    for other in (config.copy(), copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert other == config
        other.train.seed = 99
        assert config.train.seed == 7 and other != config


def test_tab_completion_and_repr(config):
    assert "learning_rate" in dir(config.train) and "train" in dir(config)
    assert "learning_rate" in repr(config.train) and "learning_rate" in repr(config)
    assert "learning_rate" in list(config.train)


@pytest.mark.parametrize("change, message", [
    (lambda c: c["train.learning_rat"], "unknown key train.learning_rat; did you mean train.learning_rate"),
    (lambda c: c.__setitem__("train.learning_rat", 1), "^unknown key train.learning_rat; did you mean train.learning_rate"),
    (lambda c: setattr(c.train, "learning_rate", "fast"), "^train.learning_rate: expected a number"),
    (lambda c: setattr(c.rollout, "n", 0), "rollout.n: expected an integer, at least 1; found 0"),
    (lambda c: setattr(c.rollout, "n", 2.5), "rollout.n: expected an integer"),
    (lambda c: setattr(c.train, "reduction", "token_men"), "did you mean"),
    (lambda c: setattr(c.train, "seed", None), "train.seed: it cannot be None"),
    (lambda c: setattr(c.train, "seed", object()), "train.seed: a config holds .* not object"),
    (lambda c: setattr(c.data, "train", [1]), "data.train"),
    (lambda c: setattr(c.train, "learning_rate", float("nan")), "train.learning_rate"),
])
def test_mistakes_are_explained(config, change, message):
    before = config.to_dict()
    with pytest.raises(golong.Error, match=message):
        change(config)
    assert config.to_dict() == before


def test_unknown_attributes_are_attribute_errors(config):
    with pytest.raises(AttributeError, match="did you mean train.learning_rate"):
        config.train.learning_rat  # noqa: B018
    with pytest.raises(AttributeError):
        config.trainn  # noqa: B018
    with pytest.raises(AttributeError, match="is a table"):
        config.train = 3
    assert not hasattr(config.train, "nothing")


def test_files_are_named(tmp_path):
    with pytest.raises(golong.Error, match="nowhere.toml"):
        golong.load_config(tmp_path / "nowhere.toml")
    file = tmp_path / "bad.toml"
    file.write_text("[train]\nlearning_rat = 1\n")
    with pytest.raises(golong.Error, match=r"bad\.toml:2:1: unknown key train\.learning_rat; did you mean"):
        golong.load_config(file)


def test_overrides_are_a_list_of_texts():
    with pytest.raises(TypeError, match='give a list'):
        golong.Config("train.steps=3")
    with pytest.raises(golong.Error, match="^unknown key train.setps; did you mean train.steps"):
        golong.Config(["train.setps=3"])
    with pytest.raises(golong.Error, match="^expected KEY=VALUE"):
        golong.Config(["train.steps"])

#include <gmock/gmock.h>

#include "core/base/file.h"
#include "core/base/random.h"
#include "core/config/config.h"
#include "tests/unit/config/temporary_files.h"

namespace golong {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Pair;

class Load : public InTemporaryFolder {
 protected:
  static std::string error(const std::string& text) {
    write("x.toml", text);
    return error_message([] { Config::load("x.toml"); });
  }
  static std::string override_error(const std::string& assignment) {
    return error_message([&] { Config::defaults({assignment}); });
  }
};

TEST_F(Load, ReadsEveryKindOfKey) {
  write("x.toml", R"(
[run]
directory = "runs/é"
threads = 3
[data]
train = ["a.jsonl", "b.jsonl"]
shuffle = false
task_weights = { graded_ranking = 2, "odd id" = 0.5 }
[rewards]
timeout_reward = -1
[train]
learning_rate = 1
beta1 = 0.5
[train.rollout_correction]
mode = "clip"
)");
  const Config config = Config::load("x.toml");
  EXPECT_EQ(config.run.directory, "runs/é");
  EXPECT_EQ(config.run.threads, 3);
  EXPECT_THAT(config.data.train, ElementsAre("a.jsonl", "b.jsonl"));
  EXPECT_FALSE(config.data.shuffle);
  EXPECT_THAT(config.data.task_weights, ElementsAre(Pair("graded_ranking", 2.0), Pair("odd id", 0.5)));
  EXPECT_EQ(config.rewards.timeout_reward, -1.0);
  EXPECT_FALSE(config.rewards.error_reward.has_value());
  EXPECT_EQ(config.train.learning_rate, 1.0);  // an integer where a number is expected
  EXPECT_EQ(config.train.beta1, 0.5);
  EXPECT_EQ(config.train.rollout_correction.mode, "clip");
  EXPECT_EQ(config.rollout.n, 16);  // a default
  EXPECT_EQ(config.origins.at("train.learning_rate"), "x.toml:12:17");
}

TEST_F(Load, ReadsPluginTablesAndRoutes) {
  write("x.toml", R"([normalizers.tmn_reweight]
alpha = 0.8
[rewards]
mode = "strict"
[rewards.ndcg]
k = 10
exact = true
[tasks.summarization]
reward = "f1"
style = "short"
[routes."my.source"]
task = "precise_retrieval"
reward = "f1"
)");
  const Config config = Config::load("x.toml");
  EXPECT_EQ(config.rewards.mode, "strict");
  EXPECT_EQ(std::get<double>(config.normalizer_settings.at("tmn_reweight").at("alpha").value), 0.8);
  EXPECT_EQ(config.normalizer_settings.at("tmn_reweight").at("alpha").where, "x.toml:2:1");
  EXPECT_EQ(std::get<int64_t>(config.reward_settings.at("ndcg").at("k").value), 10);
  EXPECT_EQ(std::get<bool>(config.reward_settings.at("ndcg").at("exact").value), true);
  EXPECT_THAT(config.task_rewards, ElementsAre(Pair("summarization", "f1")));
  EXPECT_EQ(config.task_settings.at("summarization").size(), 1u);  // `reward` is the core's
  EXPECT_EQ(config.routes.at("my.source").task, "precise_retrieval");
  EXPECT_EQ(config.routes.at("my.source").reward, "f1");
}

TEST_F(Load, IsolateIsAKeyOfTheCore) {
  write("x.toml", "[rewards.em]\nisolate = true\n[rewards.f1]\nisolate = true\n");
  const Config config = Config::load("x.toml", {"rewards.f1.isolate=false", "rewards.iou.isolate=true"});
  EXPECT_TRUE(config.is_isolated("em"));
  EXPECT_FALSE(config.is_isolated("f1"));
  EXPECT_TRUE(config.is_isolated("iou"));
  EXPECT_FALSE(config.is_isolated("ndcg"));
  EXPECT_TRUE(config.reward_settings.at("em").empty());
  EXPECT_EQ(error("[rewards.em]\nisolate = 1\n"), "x.toml:2:11: rewards.em.isolate: expected true or false, found 1");
}

TEST_F(Load, UnknownKeysNameTheNearest) {
  EXPECT_EQ(error("[run]\n[train]\nlearning_rat = 1e-5\n"),
            "x.toml:3:1: unknown key train.learning_rat; did you mean train.learning_rate?");
  EXPECT_EQ(error("# one\n\n  [trian]\n"), "x.toml:3:4: unknown key trian; did you mean train?");
  EXPECT_EQ(error("[train]\nn = 8\n"), "x.toml:2:1: unknown key train.n; did you mean eval.n or rollout.n?");
  EXPECT_EQ(error("[run]\nstps = 8\n"), "x.toml:2:1: unknown key run.stps; did you mean sft.steps or train.steps?");
  EXPECT_EQ(error("[train.rollout_correction]\nuper = 5\n"),
            "x.toml:2:1: unknown key train.rollout_correction.uper; did you mean train.rollout_correction.upper?");
  EXPECT_EQ(error("[eval]\n\"what is this\" = 8\n"),
            "x.toml:2:1: unknown key eval.\"what is this\"; `golong config reference` lists the keys");
  EXPECT_EQ(error("[routes.a]\ntask = \"x\"\nrewards = \"y\"\n"),
            "x.toml:3:1: unknown key routes.a.rewards; a route has the keys task and reward");
  EXPECT_EQ(error("[rewards]\ngat = true\n"), "x.toml:2:1: unknown key rewards.gat; did you mean rewards.gate?");
}

TEST_F(Load, MistakesAreNamedInTheOrderOfTheFile) {
  EXPECT_THAT(error("[train]\nzeta = 1\nalpha = 1\n[data]\nfoo = 1\n"),
              MatchesRegex("x.toml:2:1: unknown key train.zeta;.*\nx.toml:3:1: unknown key train.alpha;.*\n"
                           "x.toml:5:1: unknown key data.foo;[^\n]*"));
}

TEST_F(Load, WrongTypesSayWhatWasFound) {
  EXPECT_EQ(error("[train]\nsteps = \"many\"\n"),
            "x.toml:2:9: train.steps: expected an integer, found the string \"many\"");
  EXPECT_EQ(error("[train]\nsteps = 2.0\n"), "x.toml:2:9: train.steps: expected an integer, found 2.0");
  EXPECT_EQ(error("[train]\nlearning_rate = true\n"),
            "x.toml:2:17: train.learning_rate: expected a number, found true");
  EXPECT_EQ(error("[train]\nfilter_groups = 1\n"), "x.toml:2:17: train.filter_groups: expected true or false, found 1");
  EXPECT_EQ(error("[data]\ntrain = \"a.jsonl\"\n"),
            "x.toml:2:9: data.train: expected a list of strings, found the string \"a.jsonl\"");
  EXPECT_EQ(error("[data]\ntrain = [\"a\", 3]\n"), "x.toml:2:15: data.train[1]: expected a string, found 3");
  EXPECT_EQ(error("[data]\ntask_weights = { a = \"b\" }\n"),
            "x.toml:2:22: data.task_weights.a: expected a number, found the string \"b\"");
  EXPECT_EQ(error("[model]\npath = 2026-01-01\n"), "x.toml:2:8: model.path: expected a string, found a date or time");
  EXPECT_EQ(error("train = 3\n"), "x.toml:1:9: train: expected a table [train], found 3");
  EXPECT_EQ(error("[[train]]\n"), "x.toml:1:1: train: expected a table [train], found a list");
  EXPECT_EQ(error("normalizers = []\n"), "x.toml:1:15: normalizers: expected a table [normalizers], found a list");
  EXPECT_EQ(error("[normalizers]\ngrpo = 1\n"),
            "x.toml:2:8: normalizers.grpo: expected a table [normalizers.grpo], found 1");
  EXPECT_EQ(error("[rewards.em]\nx = [1]\n"),
            "x.toml:2:5: rewards.em.x: expected a number, a string, true or false; found a list");
  EXPECT_EQ(error("[tasks.t]\nreward = 1\n"), "x.toml:2:10: tasks.t.reward: expected a string, found 1");
}

TEST_F(Load, ValuesOutOfRange) {
  EXPECT_EQ(error("[rollout]\nn = 0\n"), "x.toml:2:5: rollout.n: expected an integer, at least 1; found 0");
  EXPECT_EQ(error("[rollout]\ntop_p = 0\n"),
            "x.toml:2:9: rollout.top_p: expected a number, above 0, at most 1; found 0");
  EXPECT_EQ(error("[train]\nlearning_rate = nan\n"),
            "x.toml:2:17: train.learning_rate: expected a number, at least 0; found nan");
  EXPECT_EQ(error("[rewards]\nerror_reward = inf\n"),
            "x.toml:2:16: rewards.error_reward: expected a number; found inf");
  EXPECT_EQ(error("[train]\nclip_low = 1.0\n"),
            "x.toml:2:12: train.clip_low: expected a number, at least 0, below 1; found 1.0");
  EXPECT_EQ(error("[train]\nreduction = \"token_meen\"\n"),
            "x.toml:2:13: train.reduction: expected \"token_mean\", \"sequence_mean\" or \"fixed_length\", found "
            "\"token_meen\"; did you mean token_mean?");
}

TEST_F(Load, ADeviceHasAnyNumber) {
  for (const char* device : {"cpu", "cuda", "cuda:0", "cuda:7", "cuda:15"}) {
    EXPECT_EQ(Config::defaults({std::string("model.device=") + device}).model.device, device);
  }
  for (const char* device : {"gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cpu:0"}) {
    EXPECT_THAT(error_message([&] { Config::defaults({std::string("model.device=") + device}); }),
                HasSubstr("model.device: expected \"cpu\", \"cuda\" or \"cuda:N\", found"))
        << device;
  }
}

TEST_F(Load, KeysThatDoNotGoTogether) {
  EXPECT_EQ(
      error("[train]\nprompts_per_step = 8\nmini_batch_prompts = 3\n"),
      "x.toml:3:22: train.mini_batch_prompts: expected a number that divides train.prompts_per_step (8), or 0 for "
      "all of them; found 3");
  EXPECT_EQ(error("[train]\ndual_clip = 1\n"),
            "x.toml:2:13: train.dual_clip: expected a number above 1, or 0 for none; found 1.0");
  EXPECT_EQ(error("[train.rollout_correction]\nlower = 9\n"),
            "x.toml:2:9: train.rollout_correction.lower: expected at most train.rollout_correction.upper (5.0), found "
            "9.0");
  EXPECT_NO_THROW(Config::parse("[train.rollout_correction]\nmode = \"truncate\"\nlower = 9\n", "x.toml"))
      << "which has no lower end";
  EXPECT_THAT(error("[train]\nfilter_groups = false\nkeep_surplus = true\n"),
              HasSubstr("x.toml:3:16: train.keep_surplus: without train.filter_groups"));
  EXPECT_THAT(error("[train]\nreference_model = \"m\"\n"),
              HasSubstr("x.toml:2:19: train.reference_model: nothing would use it while train.kl.estimator is "));
  EXPECT_EQ(error("[rollout]\nmax_response_tokens = 10\n[train.overlong]\nbuffer_tokens = 11\n"),
            "x.toml:4:17: train.overlong.buffer_tokens: expected at most rollout.max_response_tokens (10), found 11");
  EXPECT_THAT(error("[train]\nloss = \"gspoo\"\n"), HasSubstr("did you mean gspo?"));
  EXPECT_EQ(error("[sft]\nlearning_rate = 1e-6\n"),
            "sft.min_learning_rate: expected at most sft.learning_rate (1e-6), found 1e-5");
  EXPECT_THAT(error("[train]\ngeneration_prompts = 1\nprompts_per_step = 33\n"),
              HasSubstr("can never fill a step of 33"));
  const std::string best = "keep_best_metric = \"eval/mean\"\n";
  EXPECT_THAT(error("[checkpoint]\nevery = 0\n" + best),
              HasSubstr("x.toml:3:20: checkpoint.keep_best_metric: with checkpoint.every = 0"));
  EXPECT_THAT(error("[checkpoint]\n" + best), HasSubstr("eval/mean is measured on data.eval every eval.every steps"));
  const std::string measured = "[data]\neval = [\"e\"]\n[eval]\nevery = 6\n[checkpoint]\n" + best;
  EXPECT_THAT(error(measured + "every = 4\n"), HasSubstr("make eval.every a multiple of checkpoint.every"));
  EXPECT_NO_THROW(Config::parse(measured + "every = 3\n", "x.toml"));
  EXPECT_THAT(error("[data]\ntask_weights = { a = 0 }\n"),
              HasSubstr("x.toml:2:16: data.task_weights: all weights are 0"));
}

TEST_F(Load, SyntaxErrorsAndDuplicatesHaveAPlace) {
  EXPECT_THAT(error("[train\n"), HasSubstr("x.toml:1:7: not valid TOML: "));
  EXPECT_THAT(error("[train]\nsteps = 1\nsteps = 2\n"), HasSubstr("x.toml:3:"));
  EXPECT_THAT(error("[train]\n[data]\n[train]\n"), HasSubstr("x.toml:3:"));
  EXPECT_THAT(error("[train]\nsteps =\n"), HasSubstr("x.toml:2:"));
  EXPECT_THAT(error("a = \"\xff\xfe\"\n"), HasSubstr("x.toml:1:"));
  EXPECT_THAT(error(std::string("a = 1\0b", 7)), HasSubstr("x.toml:1:"));
}

TEST_F(Load, MissingFile) {
  EXPECT_EQ(error_message([] { Config::load("nowhere.toml"); }), "cannot open nowhere.toml: No such file or directory");
  std::filesystem::create_directory("folder");
  EXPECT_THAT(error_message([] { Config::load("folder"); }), HasSubstr("cannot read folder: it is a folder"));
}

TEST_F(Load, ExtendsMergesTablesKeyByKey) {
  write("base/base.toml", R"([train]
steps = 5
seed = 7
[data]
train = ["a"]
task_weights = { a = 1.0 }
[normalizers.tmn_reweight]
alpha = 0.5
gamma = 2.0
)");
  write("base/middle.toml", "extends = \"base.toml\"\n[train]\nseed = 8\n");
  write("x.toml", R"(extends = "base/middle.toml"
[train]
steps = 6
[data]
train = ["b"]
task_weights = { b = 2.0 }
[normalizers.tmn_reweight]
alpha = 0.9
)");
  const Config config = Config::load("x.toml", {"train.seed=9"});
  EXPECT_EQ(config.train.steps, 6);
  EXPECT_EQ(config.train.seed, 9);
  EXPECT_THAT(config.data.train, ElementsAre("b"));
  EXPECT_THAT(config.data.task_weights, ElementsAre(Pair("a", 1.0), Pair("b", 2.0)));
  const plugin::Settings& settings = config.normalizer_settings.at("tmn_reweight");
  EXPECT_EQ(std::get<double>(settings.at("alpha").value), 0.9);
  EXPECT_EQ(settings.at("alpha").where, "x.toml:8:1");
  EXPECT_EQ(std::get<double>(settings.at("gamma").value), 2.0);
  EXPECT_EQ(settings.at("gamma").where, "base/base.toml:9:1");
  EXPECT_EQ(config.origins.at("train.seed"), "--set");
}

TEST_F(Load, ExtendsErrors) {
  EXPECT_EQ(error("extends = \"gone.toml\"\n"), "x.toml:1:11: extends: there is no file gone.toml");
  EXPECT_EQ(error("extends = 3\n"), "x.toml:1:11: extends: expected a string, found 3");
  EXPECT_EQ(error("extends = \"x.toml\"\n"), "x.toml:1:11: extends goes in a circle: x.toml -> x.toml");
  write("a/b.toml", "extends = \"../c.toml\"\n");
  write("c.toml", "extends = \"a/b.toml\"\n");
  EXPECT_EQ(error("extends = \"a/b.toml\"\n"),
            "c.toml:1:11: extends goes in a circle: x.toml -> a/b.toml -> c.toml -> a/b.toml");
  write("bad.toml", "[train]\nsteps = -1\n");
  EXPECT_THAT(error("extends = \"bad.toml\"\n[train]\nsteps = 1\n"), HasSubstr("bad.toml:2:9: train.steps"));
  EXPECT_THAT(error("[train]\nextends = \"bad.toml\"\n"), HasSubstr("x.toml:2:1: unknown key train.extends"));
}

TEST_F(Load, Overrides) {
  const Config config =
      Config::defaults({"train.learning_rate=1e-5", "run.directory=runs/a b", "model.path=\"quoted\"",
                        "run.directory=007", "data.train=one.jsonl", "data.eval=[\"a\", \"b\"]", "rewards.mode=strict",
                        "rewards.ndcg.mode=released", "normalizers.tmn_reweight.alpha=1",
                        "routes.\"my.source=\".task=em", "train.filter_groups=false", "data.task_weights.a=3",
                        "data.task_weights={ b = 1.5 }", "train.learning_rate=2e-5", "rewards.timeout_reward=-0.5"});
  EXPECT_EQ(config.train.learning_rate, 2e-5);
  EXPECT_EQ(config.run.directory, "007");
  EXPECT_EQ(config.model.path, "quoted");
  EXPECT_THAT(config.data.train, ElementsAre("one.jsonl"));
  EXPECT_THAT(config.data.eval, ElementsAre("a", "b"));
  EXPECT_EQ(config.rewards.mode, "strict");
  EXPECT_EQ(std::get<std::string>(config.reward_settings.at("ndcg").at("mode").value), "released");
  EXPECT_EQ(config.reward_settings.at("ndcg").at("mode").where, "--set");
  EXPECT_EQ(std::get<int64_t>(config.normalizer_settings.at("tmn_reweight").at("alpha").value), 1);
  EXPECT_EQ(config.routes.at("my.source=").task, "em");
  EXPECT_FALSE(config.train.filter_groups);
  EXPECT_THAT(config.data.task_weights, ElementsAre(Pair("a", 3.0), Pair("b", 1.5)));
  EXPECT_EQ(config.rewards.timeout_reward, -0.5);
}

TEST_F(Load, OverrideErrors) {
  EXPECT_EQ(override_error("train.learning_rat=1"),
            "--set: unknown key train.learning_rat; did you mean train.learning_rate?");
  EXPECT_EQ(override_error("train.steps=ten"), "--set: train.steps: expected an integer, found the string \"ten\"");
  EXPECT_EQ(override_error("train.steps="), "--set: train.steps: expected an integer, found the string \"\"");
  EXPECT_EQ(override_error("train.steps=1\nx=2"),
            "--set: train.steps: expected an integer, found the string \"1\\nx=2\"");
  EXPECT_EQ(override_error("train.steps"),
            "--set: expected KEY=VALUE, found \"train.steps\"; e.g. --set train.learning_rate=1e-5");
  EXPECT_EQ(override_error("=3"), "--set: expected a key such as train.learning_rate before the =, found \"\"");
  EXPECT_EQ(override_error("train..steps=3"),
            "--set: expected a key such as train.learning_rate before the =, found \"train..steps\"");
  EXPECT_EQ(override_error("train=3"), "--set: train: expected a table [train], found 3");
  EXPECT_EQ(override_error("train.prompts_per_step=0"),
            "--set: train.prompts_per_step: expected an integer, at least 1; found 0");
  EXPECT_EQ(override_error("extends=a.toml"), "--set: unknown key extends; `golong config reference` lists the keys");
  EXPECT_EQ(override_error("model.path=\xff"), "--set: the value of model.path is not valid UTF-8");
  EXPECT_EQ(
      override_error("train.mini_batch_prompts=3"),
      "--set: train.mini_batch_prompts: expected a number that divides train.prompts_per_step (128), or 0 for all "
      "of them; found 3");
}

TEST_F(Load, WhatACommandNeeds) {
  Config config = Config::defaults();
  EXPECT_THAT(error_message([&] { check_purpose(config, Purpose::eval); }),
              HasSubstr("model.path: expected a Hugging Face"));
  config.model.path = "gone";
  EXPECT_THAT(error_message([&] { check_purpose(config, Purpose::eval); }),
              HasSubstr("model.path: there is no folder gone"));
  config.model.path = ".";
  EXPECT_THAT(error_message([&] { check_purpose(config, Purpose::train); }),
              HasSubstr("data.train: expected at least one"));
  EXPECT_THAT(error_message([&] { check_purpose(config, Purpose::eval); }),
              HasSubstr("data.eval: expected at least one"));
  write("rows.jsonl", "{}\n");
  config.data.train = {"rows.jsonl", "gone.jsonl"};
  EXPECT_THAT(error_message([&] { check_purpose(config, Purpose::sft); }),
              HasSubstr("data.train: there is no file gone.jsonl"));
  config.data.train = {"rows.jsonl"};
  check_purpose(config, Purpose::train);
  check_purpose(config, Purpose::sft);
  config.train.reference_model = "nowhere";
  EXPECT_THAT(error_message([&] { check_purpose(config, Purpose::train); }),
              HasSubstr("train.reference_model: there is no folder nowhere"));
  check_purpose(config, Purpose::sft);
  config.train.reference_model = "";
  config.eval.every = 5;
  EXPECT_THAT(error_message([&] { check_purpose(config, Purpose::train); }),
              HasSubstr("data.eval: expected at least one"));
  config.data.eval = {"rows.jsonl"};
  check_purpose(config, Purpose::train);
}

TEST_F(Load, DeepNesting) {
  std::string key = "a";
  for (int i = 0; i < 16000; ++i) key += ".a";
  EXPECT_THAT(error(key + " = 1\n"), HasSubstr("x.toml:1:1: unknown key a"));
  EXPECT_THAT(override_error(key + "=1"), HasSubstr("--set: unknown key a"));
  for (int i = 0; i < 4; ++i) key += "." + key;
  EXPECT_THAT(error("\n" + key + " = 1\n"), HasSubstr("x.toml:2:1: a line of "));
  EXPECT_THAT(override_error(key + "=1"), HasSubstr("--set: expected at most 32768 bytes"));
  EXPECT_THAT(error("a = " + std::string(30000, '[')), HasSubstr("x.toml:1:"));
}

// Damaged files: a Config or an Error with a place in the file, nothing else.
TEST_F(Load, DamagedFilesNeverDoMore) {
  const std::string text = read_file(GOLONG_SOURCE_DIR "/configs/golongrl-4b.toml");
  const std::string_view pieces[] = {
      "", "=", "[", "]]", "\"", "'''", ".", "{", "\n", "\xff", "nan", "-", "9999999999999999999"};
  RandomSequence random(random_key({2026, 5}));
  int errors = 0;
  for (int round = 0; round < 300; ++round) {
    std::string damaged = text;
    for (uint64_t change = 1 + random.below(4); change > 0; --change) {
      damaged.replace(random.below(damaged.size()), random.below(8), pieces[random.below(std::size(pieces))]);
    }
    write("x.toml", damaged);
    try {
      Config::load("x.toml").to_toml();
    } catch (const Error& error) {
      ++errors;
      // Checks between keys may name a default, which has no place.
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with("x.toml:") || message.starts_with("train.")) << message;
    }
  }
  EXPECT_GT(errors, 100);
  EXPECT_LT(errors, 300);
}

}  // namespace
}  // namespace golong

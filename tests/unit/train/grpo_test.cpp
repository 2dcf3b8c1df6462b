// Whole runs: what they write, how they stop, and that a run with a break equals the run without one.
#include "core/train/grpo.h"

#include <gmock/gmock.h>

#include "core/checkpoint/checkpoint.h"
#include "core/report/metrics.h"
#include "core/report/samples.h"
#include "core/report/summary.h"
#include "tests/unit/train/run_fixture.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Grpo : public RunTest {
 protected:
  Snapshot newest() const { return *CheckpointStore(fs::path(config.run.directory) / "checkpoints").load_newest(); }
  // Numbers of every step but times.
  std::map<int64_t, Metrics> metrics() const {
    std::map<int64_t, Metrics> steps;
    for (MetricsRow& row : read_metrics(fs::path(config.run.directory) / "metrics.jsonl")) {
      std::erase_if(row.values, [](const auto& value) {
        return value.first.starts_with("time/") || value.first.starts_with("perf/") ||
               value.first.ends_with("tokens_per_second");
      });
      EXPECT_TRUE(steps.emplace(row.step, row.values).second) << "step " << row.step << " stands twice";
    }
    return steps;
  }
  static void expect_same(const Snapshot& a, const Snapshot& b) {
    EXPECT_EQ(a.step, b.step);
    ASSERT_EQ(a.weights.size(), b.weights.size());
    for (size_t i = 0; i < a.weights.size(); ++i) {
      EXPECT_TRUE(at::equal(a.weights[i].second, b.weights[i].second)) << a.weights[i].first;
    }
    ASSERT_EQ(a.optimizer.size(), b.optimizer.size());
    for (size_t i = 0; i < a.optimizer.size(); ++i) {
      EXPECT_TRUE(at::equal(a.optimizer[i].second, b.optimizer[i].second)) << a.optimizer[i].first;
    }
    EXPECT_EQ(a.texts.at("sampler.json"), b.texts.at("sampler.json"));
  }
};

TEST_F(Grpo, ARunWithBreaksEqualsTheRunWithout) {
  config.run.directory = (folder / "whole").string();
  EXPECT_EQ(run_grpo(config, registry(), {}), 6);
  Snapshot whole = newest();
  std::map<int64_t, Metrics> expected = metrics();
  ASSERT_EQ(expected.size(), 6u);
  double learned = 0;
  for (const auto& [step, values] : expected) learned += values.at("train/grad_norm");
  EXPECT_GT(learned, 0) << "nothing was learned, so that nothing is tested";

  config.run.directory = (folder / "broken").string();
  // The callback stops after step 3, between checkpoints; a stop flag is set while step 5 generates.
  TrainOptions first;
  first.on_step = [](const StepReport& report) { return report.step < 3; };
  EXPECT_EQ(run_grpo(config, registry(), first), 3);
  StopFlag stop{0};
  TrainOptions second;
  second.resume = true;
  second.stop = &stop;
  second.on_step = [&](const StepReport& report) {
    if (report.step == 4) stop = 1;
    return true;
  };
  EXPECT_EQ(run_grpo(config, registry(), second), 4);
  TrainOptions third;
  third.resume = true;
  EXPECT_EQ(run_grpo(config, registry(), third), 6);
  expect_same(newest(), whole);
  EXPECT_EQ(metrics(), expected);
}

// A crash loses what is newer than the last checkpoint: the lines of those steps go, and the steps are done again.
TEST_F(Grpo, AfterACrashStepsAreDoneAgain) {
  EXPECT_EQ(run_grpo(config, registry(), {}), 6);
  Snapshot whole = newest();
  std::map<int64_t, Metrics> expected = metrics();
  fs::remove_all(fs::path(config.run.directory) / "checkpoints" / "step-00000006");
  TrainOptions resume;
  resume.resume = true;
  EXPECT_EQ(run_grpo(config, registry(), resume), 6);
  expect_same(newest(), whole);
  EXPECT_EQ(metrics(), expected);
}

TEST_F(Grpo, AStopBeforeTheFirstStepLeavesARunThatCanBegin) {
  StopFlag stop{1};
  TrainOptions options;
  options.stop = &stop;
  EXPECT_EQ(run_grpo(config, registry(), options), 0);
  stop = 0;
  options.resume = true;
  config.train.steps = 1;
  EXPECT_EQ(run_grpo(config, registry(), options), 1);
}

TEST_F(Grpo, WritesWhatIsReadLater) {
  config.data.eval = config.data.train;
  config.eval.rows_per_task = 2;
  config.eval.max_response_tokens = 6;
  config.eval.every = 1;
  config.train.steps = 2;
  config.train.seed = 17;
  config.report.html = true;
  std::vector<int64_t> seen;
  TrainOptions options;
  options.on_step = [&](const StepReport& report) {
    seen.push_back(report.step);
    EXPECT_TRUE(report.metrics.count("train/grad_norm"));
    return true;
  };
  testing::internal::CaptureStdout();
  run_grpo(config, registry(), options);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), AllOf(HasSubstr("summarization"), HasSubstr("mean over tasks")));
  EXPECT_EQ(seen, (std::vector<int64_t>{1, 2}));
  fs::path run = config.run.directory;
  Summary summary = read_summary(run / "summary.json");
  EXPECT_EQ(summary.seed, 17);
  for (const TaskScores* scores : {&summary.before, &summary.after}) {
    ASSERT_EQ(scores->size(), 2u);
    EXPECT_EQ(scores->at("summarization").count, 2);
    EXPECT_EQ(scores->at("precise_retrieval").count, 2);
  }
  EXPECT_TRUE(metrics().at(1).count("eval/summarization"));
  std::vector<Sample> samples = read_samples(run / "samples.jsonl");
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_THAT(samples[0].prompt, HasSubstr("document"));
  EXPECT_TRUE(samples[0].advantage);
  EXPECT_GT(fs::file_size(run / "report.html"), 10000u);
  EXPECT_EQ(Config::load(run / "config.toml").train.seed, 17);
  Snapshot last = newest();
  EXPECT_THAT(last.texts.at("versions.txt"), AllOf(HasSubstr("golong "), HasSubstr("normalizer tmn_reweight ")));
}

// The one line that a researcher swaps changes what is learned.
TEST_F(Grpo, NormalizersDiffer) {
  config.train.steps = 2;
  run_grpo(config, registry(), {});
  Snapshot first = newest();
  config.run.directory = (folder / "other").string();
  config.train.normalizer = "grpo";
  run_grpo(config, registry(), {});
  EXPECT_FALSE(at::equal(first.weights[0].second, newest().weights[0].second));
}

TEST_F(Grpo, WhenNoRewardsDifferTheErrorSaysWhatToChange) {
  std::string rows;
  for (int i = 0; i < 6; ++i) rows += exact_row(i);
  config.data.train = {(folder / "exact.jsonl").string()};
  write_file_atomic(folder / "exact.jsonl", rows);
  config.train.max_generation_batches = 3;
  EXPECT_THAT(error_of([&] { run_grpo(config, registry(), {}); }),
              AllOf(HasSubstr("step 1: after 3 generation batches only 0 of 3 groups"),
                    HasSubstr("train.max_generation_batches"), HasSubstr("train.filter_groups = false")));
}

TEST_F(Grpo, WhenNothingCanBeScoredTheErrorSaysWhy) {
  config.rewards.deadline_seconds = 1e-9;
  for (bool filter : {true, false}) {
    config.train.filter_groups = filter;
    EXPECT_THAT(error_of([&] { run_grpo(config, registry(), {}); }),
                AllOf(HasSubstr("step 1: none of the responses could be scored (12 timeout). The first, of row "),
                      HasSubstr("rewards.deadline_seconds"), HasSubstr("rewards.timeout_reward")));
    config.train.generation_prompts = config.train.prompts_per_step = 4;
  }
}

// Groups of exact rows, the last third of the data, never differ.
TEST_F(Grpo, AStepThatFailsKeepsTheStepsBeforeIt) {
  config.checkpoint.every = 0;
  config.data.shuffle = false;
  config.rollout.n = 16;
  config.train.steps = 50;
  config.train.prompts_per_step = 1;
  config.train.max_generation_batches = 1;
  const std::string error = error_of([&] { run_grpo(config, registry(), {}); });
  EXPECT_THAT(error, HasSubstr("after 1 generation batches only 0 of 1"));
  EXPECT_THAT(error, HasSubstr("the rewards of 64 responses are from 0 to 0."));
  EXPECT_THAT(read_file(folder / "run" / "log.txt"), HasSubstr(error));
  const size_t done = metrics().size();
  ASSERT_GT(done, 0u) << error;
  EXPECT_EQ(newest().step, static_cast<int64_t>(done));
  // The failed step's draws were given back: it can be done with more of them.
  config.train.max_generation_batches = 8;
  config.train.steps = static_cast<int64_t>(done) + 1;
  TrainOptions resume;
  resume.resume = true;
  EXPECT_EQ(run_grpo(config, registry(), resume), config.train.steps);
}

// Surplus waits in the checkpoint, too; the reference is read again.
TEST_F(Grpo, ARunWithSurplusAndAReferenceResumesExactly) {
  config.train.keep_surplus = true;
  config.train.generation_prompts = 8;
  config.train.kl = {"k3", 0.05};
  config.train.entropy_coefficient = 0.01;
  config.train.overlong = {false, 4, 0.001};
  config.train.loss = "gspo";
  config.run.directory = (folder / "whole").string();
  EXPECT_EQ(run_grpo(config, registry(), {}), 6);
  Snapshot whole = newest();
  std::map<int64_t, Metrics> expected = metrics();
  double surplus = 0, stale = 0;
  for (const auto& [step, values] : expected) {
    surplus += values.at("train/surplus");
    stale += values.at("train/staleness");
  }
  EXPECT_GT(surplus, 0) << "nothing was left over, so that nothing is tested";
  EXPECT_GT(stale, 0);
  EXPECT_EQ(expected.at(1).at("train/reference_kl"), 0) << "the first step's policy is the reference";
  EXPECT_GT(expected.at(6).at("train/reference_kl"), 0);
  EXPECT_GT(expected.at(1).at("rollout/overlong_penalty"), 0);

  config.run.directory = (folder / "broken").string();
  TrainOptions first;
  first.on_step = [](const StepReport& report) { return report.step < 3; };
  EXPECT_EQ(run_grpo(config, registry(), first), 3);
  TrainOptions resume;
  resume.resume = true;
  EXPECT_EQ(run_grpo(config, registry(), resume), 6);
  expect_same(newest(), whole);
  EXPECT_EQ(newest().texts.at("surplus.groups"), whole.texts.at("surplus.groups"));
  EXPECT_EQ(metrics(), expected);
}

TEST_F(Grpo, ResumingWithAnotherReferenceIsAnError) {
  config.train.kl = {"k3", 0.05};
  config.train.steps = 1;
  run_grpo(config, registry(), {});
  fs::copy(folder / "model", folder / "other_model", fs::copy_options::recursive);
  std::unique_ptr<Model> other = load_model(folder / "model", at::kFloat, at::kCPU);
  other->parameters()[0].second.detach().add_(0.01);
  save_model(*other, folder / "other_model", at::kFloat);
  TrainOptions resume;
  resume.resume = true;
  config.train.steps = 2;
  config.train.reference_model = (folder / "other_model").string();
  EXPECT_THAT(error_of([&] { run_grpo(config, registry(), resume); }),
              AllOf(HasSubstr("train.reference_model: "), HasSubstr("holds other weights than the reference model")));
  config.train.reference_model = (folder / "model").string();  // the same weights by another name
  EXPECT_EQ(run_grpo(config, registry(), resume), 2);
  fs::remove(folder / "model" / "model.safetensors");
  config.run.directory = (folder / "again").string();
  config.model.path = (folder / "other_model").string();
  EXPECT_THAT(error_of([&] { run_grpo(config, registry(), {}); }),
              AllOf(HasSubstr("the reference model of train.kl (train.reference_model) cannot be read: "),
                    HasSubstr("model.safetensors")));
}

TEST_F(Grpo, WhatIsNotFiniteStopsTheRunAndLeavesTheBatch) {
  config.train.learning_rate = 1e30;
  config.train.warmup_steps = 0;
  config.train.clip_grad_norm = 0;
  config.train.filter_groups = false;
  config.train.updates_per_batch = 5;
  config.train.max_skipped_updates = 2;
  const std::string error = error_of([&] { run_grpo(config, registry(), {}); });
  EXPECT_THAT(error, AllOf(HasSubstr("step 1: 2 updates in a row had a loss or a gradient that is not finite"),
                           HasSubstr("not-finite-step-1.jsonl"), HasSubstr("train.learning_rate")));
  const std::string lines = read_file(folder / "run" / "not-finite-step-1.jsonl");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
  for (const char* key :
       {"\"uid\":", "\"prompt\":", "\"responses\":", "\"text\":", "\"token_ids\":", "\"reward\":", "\"advantage\":"}) {
    EXPECT_THAT(lines, HasSubstr(key));
  }
}

TEST_F(Grpo, ResponsesThatTheLimitEndedCanBeLeftOut) {
  config.train.overlong.filter = true;
  config.rollout.max_response_tokens = 1;  // all of them
  config.train.filter_groups = false;
  config.train.steps = 1;
  EXPECT_EQ(run_grpo(config, registry(), {}), 1);
  Metrics first = metrics().at(1);
  EXPECT_EQ(first.at("train/overlong_filtered"), 1);
  EXPECT_FALSE(first.contains("train/loss"));
  Snapshot untouched = newest();
  EXPECT_EQ(untouched.texts.at("optimizer_steps"), "0");
}

TEST_F(Grpo, PromptsLongerThanTheModelsPositionsAreLeftOut) {
  std::string row = exact_row(7), words;
  for (int i = 0; i < 600; ++i) words += " word";
  row.replace(row.find("What is"), 7, words);
  write_file_atomic(folder / "long.jsonl", row);
  config.data.train.push_back((folder / "long.jsonl").string());
  config.train.steps = 6;
  EXPECT_EQ(run_grpo(config, registry(), {}), 6);
  config.data.train = {(folder / "long.jsonl").string()};
  config.run.directory = (folder / "other").string();
  EXPECT_THAT(error_of([&] { run_grpo(config, registry(), {}); }), HasSubstr("more than data.max_prompt_tokens = 511"));
}

TEST_F(Grpo, ARunIsNotOverwrittenByAccident) {
  config.train.steps = 1;
  run_grpo(config, registry(), {});
  EXPECT_THAT(error_of([&] { run_grpo(config, registry(), {}); }),
              AllOf(HasSubstr("holds the checkpoints of a run"), HasSubstr("--resume")));
}

TEST_F(Grpo, ResumingWithAnotherModelOrOtherDataIsAnError) {
  config.train.steps = 1;
  run_grpo(config, registry(), {});
  TrainOptions resume;
  resume.resume = true;
  config.train.steps = 2;
  config.train.seed = 5;
  EXPECT_THAT(error_of([&] { run_grpo(config, registry(), resume); }), HasSubstr("\n  train.seed was 0, is 5"));
  config.train.seed = 0;
  config.model.dtype = "bfloat16";
  EXPECT_THAT(error_of([&] { run_grpo(config, registry(), resume); }),
              HasSubstr("\n  model.dtype was 'float32', is 'bfloat16'"));
  config.model.dtype = "float32";
  write_file_atomic(folder / "rows.jsonl", summary_row(1) + summary_row(2));  // the same name, other rows
  EXPECT_THAT(error_of([&] { run_grpo(config, registry(), resume); }),
              AllOf(HasSubstr("other rows or another order"), HasSubstr("None of data.train, ")));
  config.data.max_prompt_tokens = 400;
  EXPECT_THAT(error_of([&] { run_grpo(config, registry(), resume); }),
              HasSubstr("\n  data.max_prompt_tokens was 163840, is 400"));
}

// The same memory on the CPU, and the same checkpoint everywhere.
TEST_F(Grpo, WhereTheOptimizersStateLiesMayChange) {
  config.run.directory = (folder / "whole").string();
  EXPECT_EQ(run_grpo(config, registry(), {}), 6);
  const Snapshot whole = newest();
  config.run.directory = (folder / "changed").string();
  TrainOptions first, second;
  first.on_step = [](const StepReport& report) { return report.step < 3; };
  second.resume = true;
  EXPECT_EQ(run_grpo(config, registry(), first), 3);
  config.train.optimizer_device = "cpu";
  EXPECT_EQ(run_grpo(config, registry(), second), 6);
  expect_same(newest(), whole);
}

TEST_F(Grpo, WhatAResumedRunMayChangeIsLogged) {
  config.train.steps = 1;
  run_grpo(config, registry(), {});
  TrainOptions resume;
  resume.resume = true;
  config.train.steps = 2;
  config.train.learning_rate = 1e-3;
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_grpo(config, registry(), resume), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("info: going on with another train.steps was 1, is 2"),
                    HasSubstr("warning: going on with another configuration than the run had: train.learning_rate "
                              "was 0.003, is 0.001")));
}

TEST_F(Grpo, TheBestByAMetricIsKeptAndKnownAfterAResume) {
  config.checkpoint = {.every = 1, .keep = 1, .keep_best_metric = "train/entropy", .best_is_highest = false};
  config.train.steps = 4;
  run_grpo(config, registry(), {});
  TrainOptions resume;
  resume.resume = true;
  config.train.steps = 8;
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_grpo(config, registry(), resume), 8);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("is the best so far: train/entropy "));
  int64_t best = 1;
  const std::map<int64_t, Metrics> all = metrics();
  for (const auto& [step, values] : all) {
    if (values.at("train/entropy") < all.at(best).at("train/entropy")) best = step;
  }
  const CheckpointStore store(fs::path(config.run.directory) / "checkpoints", config.checkpoint);
  ASSERT_TRUE(store.best());
  EXPECT_EQ(store.best()->step, best);
  EXPECT_EQ(store.list().size(), best == 8 ? 1u : 2u);
}

TEST_F(Grpo, AMetricThatNoStepHasIsNamedWithThoseLikeIt) {
  config.checkpoint.every = 1;
  config.checkpoint.keep_best_metric = "train/entropi";
  config.train.steps = 2;
  testing::internal::CaptureStderr();
  run_grpo(config, registry(), {});
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, AllOf(HasSubstr("checkpoint.keep_best_metric: step 1 has no metric train/entropi; did you mean "
                                    "train/entropy?"),
                          HasSubstr("train/grad_norm"), Not(HasSubstr("step 2 has no metric"))));
}

}  // namespace
}  // namespace golong

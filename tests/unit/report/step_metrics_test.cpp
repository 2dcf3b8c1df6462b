#include "core/report/step_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace golong {
namespace {

using ::testing::DoubleNear;
using ::testing::Pair;

// Two tasks, three prompts; the numbers below were worked out with numpy from the definitions of paper E.4:
//   a: rewards 1 0 0 1 -> population std 0.5, variance with n - 1 1/3
//   b: rewards 0.5 0.1 -> population std 0.2, variance 0.08
//   c (other task): rewards 0.2 0.2 0.8 -> population std 0.2828427, variance 0.12
const std::vector<GroupColumn> groups = {{"table_extraction", "T5.1 x"}, {"table_extraction", "T5.1 x"}, {"b c", "EM"}};

std::vector<ResponseColumn> responses() {
  std::vector<ResponseColumn> rows;
  const auto add = [&](uint32_t group, double reward, int64_t length) {
    rows.push_back({group, true, reward, length, false, 0});
  };
  add(0, 1, 10), add(2, 0.2, 7), add(0, 0, 12), add(1, 0.5, 4), add(0, 0, 9);
  add(1, 0.1, 4), add(2, 0.2, 9), add(0, 1, 3), add(2, 0.8, 30);
  return rows;
}

void expect_near(const Metrics& metrics, const Metrics& expected) {
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(metrics.contains(name)) << name;
    EXPECT_NEAR(metrics.at(name), value, 1e-7) << name;
  }
}

TEST(BatchMetrics, FollowTheDefinitionsByTaskAndMode) {
  const Metrics metrics = batch_metrics(groups, responses(), {});
  const double all = 0.5 + 0.2 + 0.28284271247461906;
  expect_near(metrics, {{"task_metrics/table_extraction/mean_reward", 2.6 / 6},
                        {"task_metrics/table_extraction/std_reward", 0.4346134936801766},
                        {"task_metrics/table_extraction/mean_std_reward", 0.35},
                        {"task_metrics/table_extraction/rate_adv", 0.7 / all},
                        {"task_metrics/table_extraction/rate_num", 2.0 / 3},
                        {"task_metrics/table_extraction/num_queries", 2},
                        {"task_metrics/table_extraction/num_rollouts", 6},
                        {"task_metrics/b_c/mean_reward", 0.4},
                        {"task_metrics/b_c/rate_adv", 0.28284271247461906 / all},
                        {"reward_mode/T5-1_x/sqrt_mean_var", std::sqrt((1.0 / 3 + 0.08) / 2)},
                        {"reward_mode/T5-1_x/mean_reward", 2.6 / 6},
                        {"reward_mode/EM/sqrt_mean_var", std::sqrt(0.12)},
                        {"reward_mode/EM/rate_num", 1.0 / 3},
                        {"critic/score/std", 0.41466184348749097},
                        {"critic/rewards/std", 0.41466184348749097},
                        {"rollout/length_diff/mean", (9.0 + 0 + 23) / 3},
                        {"rollout/length_diff/max", 23},
                        {"rollout/length_diff/min", 0},
                        {"rollout/length_diff/std", 9.463379711052259}});
  EXPECT_FALSE(metrics.contains("reward_mode/EM/num_queries"));
  EXPECT_FALSE(metrics.contains("task_metrics/b_c/sqrt_mean_var"));
}

TEST(BatchMetrics, RatesAreSharesOfAllTasks) {
  const Metrics metrics = batch_metrics(groups, responses(), {});
  for (const char* rate : {"rate_adv", "rate_num"}) {
    const std::string name = rate;
    EXPECT_NEAR(metrics.at("task_metrics/table_extraction/" + name) + metrics.at("task_metrics/b_c/" + name), 1, 1e-12);
  }
}

TEST(BatchMetrics, ASingleResponseHasNoStdAndVarianceOne) {
  const Metrics metrics = batch_metrics({{"t", "k"}}, {{0, true, 0.7, 5, false, 0}}, {});
  expect_near(metrics, {{"task_metrics/t/mean_std_reward", 0},
                        {"task_metrics/t/rate_adv", 0},
                        {"task_metrics/t/rate_num", 1},
                        {"reward_mode/k/sqrt_mean_var", 1},
                        {"critic/score/std", 0}});
  EXPECT_FALSE(metrics.contains("rollout/length_diff/mean"));
}

TEST(BatchMetrics, WhatIsNotCountedChangesNothing) {
  std::vector<ResponseColumn> rows = responses();
  const Metrics before = batch_metrics(groups, rows, {});
  rows.push_back({0, false, 0, 10, false, 1});
  EXPECT_EQ(batch_metrics(groups, rows, {}), before);
  // A group of which nothing counts is no query of its task.
  std::vector<GroupColumn> more = groups;
  more.push_back({"b c", "EM"});
  rows.push_back({3, false, 0, 8, false, 2});
  EXPECT_EQ(batch_metrics(more, rows, {}), before);
}

TEST(BatchMetrics, AdvantagesCountByToken) {
  const std::vector<ResponseColumn> rows = {
      {0, true, 1, 3, false, 0}, {0, true, 0, 1, false, 0}, {0, true, 0, 0, false, 0}};
  const Metrics metrics = batch_metrics({{"t", "k"}}, rows, {2.0, -1.0, 100.0});
  // tokens: 2 2 2 -1
  expect_near(metrics, {{"critic/advantages/mean", 1.25},
                        {"critic/advantages/std", 1.5},
                        {"critic/advantages/max", 2},
                        {"critic/advantages/min", -1},
                        {"critic/returns/std", 1.5}});
}

TEST(GenerationMetrics, CountsOutcomesAndLengths) {
  const std::vector<ResponseColumn> rows = {
      {0, true, 1, 10, false, 0}, {0, false, 0, 20, true, 1}, {1, true, 0.5, 30, true, 0}, {1, false, 0, 40, false, 3}};
  const Metrics metrics = generation_metrics({{"t", "k"}, {"v", "k"}}, rows);
  EXPECT_THAT(metrics, ::testing::UnorderedElementsAre(
                           Pair("reward/mean", 0.75), Pair("reward/task/t", 1), Pair("reward/task/v", 0.5),
                           Pair("rollout/response_length/mean", 25), Pair("rollout/response_length/max", 40),
                           Pair("rollout/truncated", 0.5), Pair("outcome/t/scored", 1), Pair("outcome/t/timeout", 1),
                           Pair("outcome/v/scored", 1), Pair("outcome/v/unscorable", 1),
                           Pair("outcome/not_scored", DoubleNear(0.5, 1e-15))));
}

TEST(SpeedMetrics, AreRatesOfTheStepsOwnNumbers) {
  const Metrics metrics =
      speed_metrics({{"train/tokens", 600}, {"train/flops", 4e9}, {"time/update", 2}, {"time/step", 8}}, 400, 1e10);
  EXPECT_THAT(metrics, ::testing::UnorderedElementsAre(Pair("train/tokens_per_second", 300), Pair("perf/mfu", 0.2),
                                                       Pair("perf/tokens_per_second", 50)));
  // A step that learned nothing (train.overlong.filter).
  EXPECT_THAT(speed_metrics({{"time/update", 2}, {"time/step", 8}}, 400, 1e10),
              ::testing::UnorderedElementsAre(Pair("perf/tokens_per_second", 50)));
}

TEST(GenerationMetrics, NothingGeneratedGivesNothing) { EXPECT_TRUE(generation_metrics({}, {}).empty()); }

}  // namespace
}  // namespace golong

// The four normalizers against the published estimators (reference batches) and against plain transcriptions of their
// formulas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/plugin/normalizer.h"

namespace golong::plugin {
namespace {

namespace json = boost::json;

const Plugin& plugin_named(const std::string& id) {
  static const std::shared_ptr<const Registry> registry = Registry::load({});
  return registry->find(Kind::normalizer, id);
}

// Numbers groups and tasks in order of appearance.
Columns columns_of(const std::vector<double>& rewards, const std::vector<std::string>& groups,
                   const std::vector<std::string>& tasks) {
  Columns c;
  std::map<std::string, uint32_t> group_numbers, task_numbers;
  for (size_t i = 0; i < rewards.size(); ++i) {
    auto [task, is_new_task] = task_numbers.try_emplace(tasks[i], static_cast<uint32_t>(c.tasks.size()));
    if (is_new_task) c.tasks.push_back(tasks[i]);
    auto [group, is_new_group] = group_numbers.try_emplace(groups[i], static_cast<uint32_t>(c.group_tasks.size()));
    if (is_new_group) c.group_tasks.push_back(task->second);
    c.groups.push_back(group->second);
  }
  c.rewards = rewards;
  c.lengths.assign(rewards.size(), 1);
  c.finish_reasons.assign(rewards.size(), GOLONG_FINISH_STOP);
  c.outcomes.assign(rewards.size(), GOLONG_SCORED);
  return c;
}

std::vector<double> compute(const std::string& id, const Columns& columns, const Settings& settings = {},
                            std::map<std::string, double>* metrics = nullptr) {
  std::map<std::string, double> ignored;
  return Normalizer(plugin_named(id), settings).compute(columns, metrics ? *metrics : ignored);
}

template <class T>
std::vector<T> list(const json::value& value) {
  return json::value_to<std::vector<T>>(value);
}

struct Case {
  std::string id, normalizer;
  Settings settings;
  Columns columns;
  std::vector<double> expected;
};

std::vector<Case> reference_cases() {
  std::ifstream file(GOLONG_SOURCE_DIR "/tests/data/normalizer_cases.jsonl");
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    json::value row = json::parse(line);
    Case c;
    c.id = json::value_to<std::string>(row.at("id"));
    c.normalizer = json::value_to<std::string>(row.at("normalizer"));
    for (const auto& [name, value] : row.at("params").as_object()) c.settings[name] = {value.to_number<double>(), c.id};
    c.columns = columns_of(list<double>(row.at("rewards")), list<std::string>(row.at("groups")),
                           list<std::string>(row.at("tasks")));
    c.expected = list<double>(row.at("advantages"));
    cases.push_back(std::move(c));
  }
  return cases;
}

TEST(Normalizers, EqualThePublishedEstimators) {
  std::map<std::string, int> seen;
  for (const Case& c : reference_cases()) {
    ++seen[c.normalizer];
    std::vector<double> advantages = compute(c.normalizer, c.columns, c.settings);
    ASSERT_EQ(advantages.size(), c.expected.size());
    for (size_t i = 0; i < advantages.size(); ++i) {
      ASSERT_NEAR(advantages[i], c.expected[i], 1e-5 * std::max(1e-3, std::abs(c.expected[i])))
          << c.normalizer << " " << c.id << ", response " << i;
    }
  }
  EXPECT_EQ(seen.size(), 4u);
  int all = 0;
  for (const auto& [name, count] : seen) all += count;
  EXPECT_EQ(all, 60);
}

// A batch with groups of several sizes (one among them), tasks, and rewards of which some are equal.
Columns random_batch(uint64_t seed) {
  RandomSequence random(seed);
  std::vector<double> rewards;
  std::vector<std::string> groups, tasks;
  for (uint64_t u = 0, groups_in_all = 1 + random.below(20); u < groups_in_all; ++u) {
    std::string task = "task" + std::to_string(random.below(4));
    bool is_binary = random.below(2) == 0;
    for (uint64_t i = 0, n = 1 + random.below(9); i < n; ++i) {
      rewards.push_back(is_binary ? static_cast<double>(random.below(2)) : random.uniform() * 2 - 0.5);
      groups.push_back("u" + std::to_string(u));
      tasks.push_back(task);
    }
  }
  return columns_of(rewards, groups, tasks);
}

// The rewards of one group, or of one task, that are scored.
std::vector<double> rewards_where(const Columns& c, const std::function<bool(size_t)>& holds) {
  std::vector<double> found;
  for (size_t i = 0; i < c.rewards.size(); ++i) {
    if (c.outcomes[i] == GOLONG_SCORED && holds(i)) found.push_back(c.rewards[i]);
  }
  return found;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double unbiased_variance(const std::vector<double>& values) {
  double sum = 0, m = mean(values);
  for (double value : values) sum += (value - m) * (value - m);
  return sum / static_cast<double>(values.size() - 1);
}

std::vector<double> group_rewards(const Columns& c, uint32_t group) {
  return rewards_where(c, [&](size_t i) { return c.groups[i] == group; });
}

// Word for word from the paper (A.6), one response at a time.
double tmn_reference(const Columns& c, size_t i, double alpha, double gamma, double epsilon) {
  auto task_of = [&](uint32_t u) { return c.group_tasks[u]; };
  auto mu = [&](uint32_t u) { return group_rewards(c, u).size() > 1 ? mean(group_rewards(c, u)) : 0.0; };
  auto v = [&](uint32_t u) { return group_rewards(c, u).size() > 1 ? unbiased_variance(group_rewards(c, u)) : 1.0; };
  uint32_t u = c.groups[i];
  std::vector<double> variances, means;
  for (uint32_t other = 0; other < c.group_tasks.size(); ++other) {
    if (task_of(other) != task_of(u) || group_rewards(c, other).empty()) continue;
    variances.push_back(v(other));
    means.push_back(mu(other));
  }
  double m = mean(means);
  double tau = group_rewards(c, u).size() > 1 ? alpha * mu(u) + (1 - alpha) * m : m;
  std::vector<double> own = group_rewards(c, u);
  double p = static_cast<double>(std::count_if(own.begin(), own.end(), [&](double r) { return r > tau; })) /
             static_cast<double>(own.size());
  double weight = c.rewards[i] > mu(u) ? std::exp(gamma * (0.5 - p)) : std::exp(gamma * (p - 0.5));
  return weight * (c.rewards[i] - mu(u)) / (std::sqrt(mean(variances)) + epsilon);
}

TEST(Normalizers, TmnReweightIsTheFormula) {
  // alpha and gamma with few digits and rewards away from thresholds: a tie decided by rounding would prove nothing
  for (uint64_t seed = 0; seed < 30; ++seed) {
    Columns c = random_batch(seed);
    Settings settings{{"alpha", {0.625, ""}}, {"gamma", {1.5, ""}}, {"epsilon", {1e-3, ""}}};
    std::vector<double> advantages = compute("tmn_reweight", c, settings);
    for (size_t i = 0; i < advantages.size(); ++i) {
      ASSERT_NEAR(advantages[i], tmn_reference(c, i, 0.625, 1.5, 1e-3), 1e-9) << "seed " << seed << ", response " << i;
    }
  }
}

TEST(Normalizers, TmnReweightWithDefaults) {
  Columns c = random_batch(77);
  std::vector<double> advantages = compute("tmn_reweight", c);
  for (size_t i = 0; i < advantages.size(); ++i) ASSERT_NEAR(advantages[i], tmn_reference(c, i, 0.8, 1, 1e-6), 1e-7);
}

TEST(Normalizers, TheOthersAreTheirFormulas) {
  for (uint64_t seed = 100; seed < 120; ++seed) {
    Columns c = random_batch(seed);
    std::vector<double> grpo = compute("grpo", c), dr_grpo = compute("dr_grpo", c), task = compute("task_batch", c);
    for (size_t i = 0; i < c.rewards.size(); ++i) {
      std::vector<double> own = group_rewards(c, c.groups[i]);
      std::vector<double> of_task =
          rewards_where(c, [&](size_t other) { return c.group_tasks[c.groups[other]] == c.group_tasks[c.groups[i]]; });
      bool single = own.size() == 1;
      double centred = c.rewards[i] - (single ? 0 : mean(own));
      ASSERT_NEAR(dr_grpo[i], centred, 1e-12);
      ASSERT_NEAR(grpo[i], centred / ((single ? 1 : std::sqrt(unbiased_variance(own))) + 1e-6), 1e-9);
      double deviation = of_task.size() == 1 ? 1 : std::sqrt(unbiased_variance(of_task));
      ASSERT_NEAR(task[i], (c.rewards[i] - mean(of_task)) / (deviation + 1e-6), 1e-9);
    }
  }
}

// A response that was not scored must be as good as absent.
TEST(Normalizers, WhatIsNotScoredCountsForNothing) {
  for (const char* id : {"grpo", "dr_grpo", "tmn_reweight", "task_batch"}) {
    Columns all = random_batch(9);
    ASSERT_GT(all.rewards.size(), 20u);
    Columns without = all;
    std::vector<size_t> kept;
    for (size_t i = 0; i < all.rewards.size(); ++i) {
      if (i % 5 == 3) {
        all.outcomes[i] = i % 2 ? GOLONG_TIMEOUT : GOLONG_NOT_SCORABLE;
        all.rewards[i] = 0;
      } else {
        kept.push_back(i);
      }
    }
    auto select = [&](auto& column) {
      auto copy = column;
      column.clear();
      for (size_t i : kept) column.push_back(copy[i]);
    };
    select(without.rewards);
    select(without.groups);
    select(without.lengths);
    select(without.finish_reasons);
    select(without.outcomes);
    std::vector<double> expected = compute(id, without), advantages = compute(id, all);
    for (size_t k = 0; k < kept.size(); ++k) EXPECT_EQ(advantages[kept[k]], expected[k]) << id;
    for (size_t i = 0; i < all.rewards.size(); ++i) {
      if (i % 5 == 3) {
        EXPECT_EQ(advantages[i], 0) << id;
      }
    }
  }
}

TEST(Normalizers, AGroupOfOneAndEqualRewards) {
  Columns one = columns_of({0.75}, {"a"}, {"NDCG"});
  EXPECT_NEAR(compute("grpo", one)[0], 0.75, 1e-5);
  EXPECT_EQ(compute("dr_grpo", one)[0], 0.75);
  EXPECT_EQ(compute("task_batch", one)[0], 0);
  EXPECT_GT(compute("tmn_reweight", one)[0], 0);
  Columns equal = columns_of({0.1, 0.1, 0.1}, {"a", "a", "a"}, {"k", "k", "k"});
  for (const char* id : {"grpo", "dr_grpo", "tmn_reweight", "task_batch"}) {
    for (double advantage : compute(id, equal)) EXPECT_NEAR(advantage, 0, 1e-9) << id;
  }
}

TEST(Normalizers, EmptyBatchesAndGroupsWithoutAScore) {
  Columns none = columns_of({1, 0}, {"a", "b"}, {"k", "k"});
  none.outcomes = {GOLONG_ERRORED, GOLONG_ERRORED};
  for (const char* id : {"grpo", "dr_grpo", "tmn_reweight", "task_batch"}) {
    EXPECT_TRUE(compute(id, {}).empty()) << id;
    EXPECT_THAT(compute(id, none), testing::Each(0)) << id;
  }
}

TEST(Normalizers, TmnReweightReportsItsScalesAndPassRate) {
  Columns c = columns_of({1, 0, 1, 1, 0, 0}, {"a", "a", "b", "b", "c", "c"},
                         {"F1_Score", "F1_Score", "F1_Score", "F1_Score", "T0.1 x", "T0.1 x"});
  std::map<std::string, double> metrics;
  compute("tmn_reweight", c, {}, &metrics);
  // v: 0.5, 0, 0; means: 0.5, 1, 0. Thresholds: 0.8 * 0.5 + 0.2 * 0.75 = 0.55, 0.95, 0. Pass rates: 0.5, 1, 0.
  EXPECT_NEAR(metrics.at("reward_mode/F1_Score/sqrt_mean_var"), std::sqrt(0.25), 1e-12);
  EXPECT_EQ(metrics.at("reward_mode/T0-1_x/sqrt_mean_var"), 0);
  EXPECT_NEAR(metrics.at("difficulty/mean_pass_rate"), 0.5, 1e-12);
  EXPECT_EQ(metrics.at("difficulty/weight_clamp_upper_ratio"), 0);
}

}  // namespace
}  // namespace golong::plugin

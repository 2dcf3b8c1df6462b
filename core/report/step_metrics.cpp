#include "core/report/step_metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <span>

namespace golong {

namespace {

double mean(std::span<const double> values) {
  double sum = 0;
  for (double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

// Sum of squared distances from the mean, by two passes.
double squares(std::span<const double> values) {
  const double middle = mean(values);
  double sum = 0;
  for (double value : values) sum += (value - middle) * (value - middle);
  return sum;
}

double population_std(std::span<const double> values) {
  return values.empty() ? 0 : std::sqrt(squares(values) / static_cast<double>(values.size()));
}

// As torch.std: divided by n - 1. One value has none; it is reported as 0.
double sample_std(std::span<const double> values) {
  return values.size() < 2 ? 0 : std::sqrt(squares(values) / static_cast<double>(values.size() - 1));
}

const char* outcome_name(int32_t outcome) {
  static constexpr const char* names[] = {"scored", "timeout", "error", "unscorable"};
  assert(outcome >= 0 && outcome < 4);
  return names[outcome];
}

// What paper E.4 computes for each prompt.
struct GroupNumbers {
  std::vector<double> rewards;  // of its counted responses
  double std = 0;               // population
  double variance = 1;          // with Bessel's correction; 1 where there is one response
};

std::vector<GroupNumbers> group_numbers(size_t groups, const std::vector<ResponseColumn>& responses) {
  std::vector<GroupNumbers> numbers(groups);
  for (const ResponseColumn& response : responses) {
    if (response.counted) numbers.at(response.group).rewards.push_back(response.reward - response.penalty);
  }
  for (GroupNumbers& group : numbers) {
    const size_t n = group.rewards.size();
    if (n < 2) continue;
    group.std = population_std(group.rewards);
    group.variance = squares(group.rewards) / static_cast<double>(n - 1);
  }
  return numbers;
}

// The numbers of each name (task or norm_key) under `prefix`. Groups without a counted response count for nothing.
template <class NameOf>
void add_shares(Metrics& metrics, const std::string& prefix, const std::vector<GroupColumn>& groups,
                const std::vector<GroupNumbers>& numbers, bool by_task, const NameOf& name_of) {
  struct Sums {
    std::vector<double> rewards, stds, variances;
  };
  std::map<std::string, Sums> names;
  double all_std = 0;
  double all_groups = 0;
  for (size_t u = 0; u < groups.size(); ++u) {
    if (numbers[u].rewards.empty()) continue;
    Sums& sums = names[name_of(groups[u])];
    sums.rewards.insert(sums.rewards.end(), numbers[u].rewards.begin(), numbers[u].rewards.end());
    sums.stds.push_back(numbers[u].std);
    sums.variances.push_back(numbers[u].variance);
    all_std += numbers[u].std;
    all_groups += 1;
  }
  for (const auto& [name, sums] : names) {
    const std::string path = prefix + "/" + metric_part(name) + "/";
    const auto queries = static_cast<double>(sums.stds.size());
    metrics[path + "mean_reward"] = mean(sums.rewards);
    metrics[path + "std_reward"] = population_std(sums.rewards);
    metrics[path + "mean_std_reward"] = mean(sums.stds);
    metrics[path + "rate_adv"] = all_std > 0 ? mean(sums.stds) * queries / all_std : 0;
    metrics[path + "rate_num"] = queries / all_groups;
    if (by_task) {
      metrics[path + "num_queries"] = queries;
      metrics[path + "num_rollouts"] = static_cast<double>(sums.rewards.size());
    } else {
      metrics[path + "sqrt_mean_var"] = std::sqrt(mean(sums.variances));
    }
  }
}

// Longest minus shortest response of each group that has several.
void add_length_differences(Metrics& metrics, size_t groups, const std::vector<ResponseColumn>& responses) {
  std::vector<std::vector<int64_t>> lengths(groups);
  for (const ResponseColumn& response : responses) {
    if (response.length > 0) lengths.at(response.group).push_back(response.length);
  }
  std::vector<double> differences;
  for (const auto& group : lengths) {
    if (group.size() < 2) continue;
    const auto [shortest, longest] = std::minmax_element(group.begin(), group.end());
    differences.push_back(static_cast<double>(*longest - *shortest));
  }
  if (differences.empty()) return;
  metrics["rollout/length_diff/mean"] = mean(differences);
  metrics["rollout/length_diff/max"] = *std::max_element(differences.begin(), differences.end());
  metrics["rollout/length_diff/min"] = *std::min_element(differences.begin(), differences.end());
  metrics["rollout/length_diff/std"] = population_std(differences);
}

// Over tokens: every token of a response has the response's advantage. Returns equal advantages in GRPO.
void add_advantages(Metrics& metrics, const std::vector<ResponseColumn>& responses,
                    const std::vector<double>& advantages) {
  double tokens = 0;
  double sum = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (size_t i = 0; i < responses.size(); ++i) {
    if (responses[i].length <= 0) continue;
    tokens += static_cast<double>(responses[i].length);
    sum += static_cast<double>(responses[i].length) * advantages[i];
    low = std::min(low, advantages[i]);
    high = std::max(high, advantages[i]);
  }
  if (tokens == 0) return;
  double square_sum = 0;
  for (size_t i = 0; i < responses.size(); ++i) {
    const double distance = advantages[i] - sum / tokens;
    square_sum += static_cast<double>(std::max<int64_t>(responses[i].length, 0)) * distance * distance;
  }
  for (const char* name : {"critic/advantages/", "critic/returns/"}) {
    metrics[std::string(name) + "mean"] = sum / tokens;
    metrics[std::string(name) + "max"] = high;
    metrics[std::string(name) + "min"] = low;
    metrics[std::string(name) + "std"] = tokens > 1 ? std::sqrt(square_sum / (tokens - 1)) : 0;
  }
}

}  // namespace

Metrics generation_metrics(const std::vector<GroupColumn>& groups, const std::vector<ResponseColumn>& responses) {
  Metrics metrics;
  std::vector<double> rewards;
  std::map<std::string, std::vector<double>> by_task;
  double longest = 0;
  double tokens = 0;
  double truncated = 0;
  double not_scored = 0;
  for (const GroupColumn& group : groups) metrics["outcome/" + metric_part(group.task) + "/scored"] += 0;
  for (const ResponseColumn& response : responses) {
    const std::string& task = groups.at(response.group).task;
    metrics["outcome/" + metric_part(task) + "/" + outcome_name(response.outcome)] += 1;
    not_scored += response.outcome != 0;
    truncated += response.truncated;
    tokens += static_cast<double>(response.length);
    longest = std::max(longest, static_cast<double>(response.length));
    if (!response.counted) continue;
    rewards.push_back(response.reward);
    by_task[task].push_back(response.reward);
  }
  if (!rewards.empty()) metrics["reward/mean"] = mean(rewards);
  for (const auto& [task, values] : by_task) metrics["reward/task/" + metric_part(task)] = mean(values);
  if (responses.empty()) return metrics;
  const auto count = static_cast<double>(responses.size());
  metrics["rollout/response_length/mean"] = tokens / count;
  metrics["rollout/response_length/max"] = longest;
  metrics["rollout/truncated"] = truncated / count;
  metrics["outcome/not_scored"] = not_scored / count;
  return metrics;
}

Metrics batch_metrics(const std::vector<GroupColumn>& groups, const std::vector<ResponseColumn>& responses,
                      const std::vector<double>& advantages) {
  assert(advantages.empty() || advantages.size() == responses.size());
  Metrics metrics;
  const std::vector<GroupNumbers> numbers = group_numbers(groups.size(), responses);
  add_shares(metrics, "task_metrics", groups, numbers, true, [](const GroupColumn& g) { return g.task; });
  add_shares(metrics, "reward_mode", groups, numbers, false, [](const GroupColumn& g) { return g.norm_key; });
  std::vector<double> scores, rewards;
  for (const ResponseColumn& response : responses) {
    if (!response.counted || response.length <= 0) continue;
    scores.push_back(response.reward);
    rewards.push_back(response.reward - response.penalty);
  }
  if (!scores.empty()) metrics["critic/score/std"] = sample_std(scores);
  if (!rewards.empty()) metrics["critic/rewards/std"] = sample_std(rewards);
  add_length_differences(metrics, groups.size(), responses);
  if (!advantages.empty()) add_advantages(metrics, responses, advantages);
  return metrics;
}

Metrics speed_metrics(const Metrics& step, double batch_tokens, double peak_flops) {
  Metrics metrics;
  const auto number = [&](const char* name) {
    const auto found = step.find(name);
    return found == step.end() ? 0.0 : found->second;
  };
  const double update_seconds = number("time/update");
  const double step_seconds = number("time/step");
  const double tokens = number("train/tokens");
  if (step_seconds > 0) metrics["perf/tokens_per_second"] = batch_tokens / step_seconds;
  if (update_seconds > 0 && tokens > 0) {
    metrics["train/tokens_per_second"] = tokens / update_seconds;
    metrics["perf/mfu"] = number("train/flops") / update_seconds / peak_flops;
  }
  return metrics;
}

}  // namespace golong

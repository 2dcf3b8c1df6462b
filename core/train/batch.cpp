#include "core/train/batch.h"

#include <algorithm>
#include <sstream>

#include "core/base/error.h"
#include "core/base/rank_errors.h"
#include "core/score/scorer.h"

namespace golong {

bool rewards_differ(const Group& group, const RewardsConfig& config) {
  const Response* first = nullptr;
  for (const Response& response : group.responses) {
    if (!counts(response, config)) continue;
    if (first && response.reward != first->reward) return true;
    if (!first) first = &response;
  }
  return first && group.responses.size() == 1;
}

double responses_of(const std::vector<Group>& groups) {
  size_t count = 0;
  for (const Group& group : groups) count += group.responses.size();
  return static_cast<double>(count);
}

void check_scored(int64_t step, const std::vector<Group>& groups, const RewardsConfig& config) {
  std::map<std::string, size_t> outcomes;
  const Group* example = nullptr;
  std::string detail;
  for (const Group& group : groups) {
    for (const Response& response : group.responses) {
      if (counts(response, config)) return;
      ++outcomes[name(response.outcome)];
      if (example) continue;
      example = &group;
      detail = response.detail;
    }
  }
  if (!example) return;  // nothing was generated
  std::string counted;
  for (const auto& [outcome, number] : outcomes) {
    counted += (counted.empty() ? "" : ", ") + std::to_string(number) + " " + outcome;
  }
  fail_all("step ", step, ": none of the responses could be scored (", counted, "). The first, of row ",
           example->prompt.uid, " by reward ", example->prompt.reward, ": ", detail,
           ". rewards.timeout_reward and rewards.error_reward give such responses a reward");
}

std::string range_of_rewards(const std::vector<Group>& groups, const RewardsConfig& config) {
  size_t count = 0;
  double lowest = 0, highest = 0;
  for (const Group& group : groups) {
    for (const Response& response : group.responses) {
      if (!counts(response, config)) continue;
      lowest = count == 0 ? response.reward : std::min(lowest, response.reward);
      highest = count == 0 ? response.reward : std::max(highest, response.reward);
      ++count;
    }
  }
  std::ostringstream text;
  text << "the rewards of " << count << " responses are from " << lowest << " to " << highest;
  return text.str();
}

ReportColumns report_columns(const std::vector<Group>& groups, const RewardsConfig& config) {
  ReportColumns columns;
  for (const Group& group : groups) {
    auto index = static_cast<uint32_t>(columns.groups.size());
    columns.groups.push_back({group.prompt.task, group.prompt.norm_key});
    for (const Response& response : group.responses) {
      bool counted = counts(response, config);
      columns.responses.push_back({index, counted, counted ? response.reward : 0,
                                   static_cast<int64_t>(response.token_ids.size()), response.finish == Finish::length,
                                   static_cast<int32_t>(response.outcome), counted ? response.penalty : 0});
    }
  }
  return columns;
}

plugin::Columns normalizer_columns(const std::vector<Group>& groups, const RewardsConfig& config) {
  plugin::Columns columns;
  for (const Group& group : groups) {
    auto task = std::find(columns.tasks.begin(), columns.tasks.end(), group.prompt.norm_key);
    auto index = static_cast<uint32_t>(columns.group_tasks.size());
    columns.group_tasks.push_back(static_cast<uint32_t>(task - columns.tasks.begin()));
    if (task == columns.tasks.end()) columns.tasks.push_back(group.prompt.norm_key);
    for (const Response& response : group.responses) {
      bool counted = counts(response, config);
      columns.rewards.push_back(counted ? response.reward - response.penalty : 0);
      columns.groups.push_back(index);
      columns.lengths.push_back(static_cast<uint32_t>(response.token_ids.size()));
      columns.finish_reasons.push_back(static_cast<int32_t>(response.finish));
      // A timeout or error that the config gives a reward is a scored response to the normalizer.
      columns.outcomes.push_back(counted ? GOLONG_SCORED : static_cast<int32_t>(response.outcome));
    }
  }
  return columns;
}

std::vector<std::vector<double>> compute_advantages(const plugin::Normalizer& normalizer,
                                                    const std::vector<Group>& groups, const RewardsConfig& config,
                                                    std::map<std::string, double>& metrics) {
  std::vector<double> flat = normalizer.compute(normalizer_columns(groups, config), metrics);
  std::vector<std::vector<double>> advantages;
  auto next = flat.begin();
  for (const Group& group : groups) {
    auto end = next + static_cast<std::ptrdiff_t>(group.responses.size());
    advantages.emplace_back(next, end);
    next = end;
  }
  return advantages;
}

}  // namespace golong

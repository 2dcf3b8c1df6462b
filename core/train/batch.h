// The scored groups of a step: collecting a batch whose rewards differ, and turning it into the columns that
// normalizers and metrics take.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/plugin/normalizer.h"
#include "core/report/step_metrics.h"

namespace golong {

// True where the rewards that count differ, so that the group teaches something; and for a group of one response, which
// has nothing to differ from (paper E.2).
bool rewards_differ(const Group& group, const RewardsConfig& config);

double responses_of(const std::vector<Group>& groups);  // how many

// Error where no response has a reward: scoring is broken then, and not the rows too hard.
void check_scored(int64_t step, const std::vector<Group>& groups, const RewardsConfig& config);

// "the rewards of 24 responses are from 0 to 0.5": all alike, they say that the reward is to be looked at.
std::string range_of_rewards(const std::vector<Group>& groups, const RewardsConfig& config);

struct ReportColumns {
  std::vector<GroupColumn> groups;
  std::vector<ResponseColumn> responses;
};
ReportColumns report_columns(const std::vector<Group>& groups, const RewardsConfig& config);

plugin::Columns normalizer_columns(const std::vector<Group>& groups, const RewardsConfig& config);

// Advantages by group and response, from the normalizer; its metrics are added.
std::vector<std::vector<double>> compute_advantages(const plugin::Normalizer& normalizer,
                                                    const std::vector<Group>& groups, const RewardsConfig& config,
                                                    std::map<std::string, double>& metrics);

}  // namespace golong

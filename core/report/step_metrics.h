// The metrics of paper E.4 as pure functions of a step's scored groups. Plain columns in, so that this folder stands
// below core/data.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/report/metrics.h"

namespace golong {

struct GroupColumn {
  std::string task;      // id of a task plugin
  std::string norm_key;  // k of paper A.6, the "reward mode"
};

struct ResponseColumn {
  uint32_t group = 0;      // index below the number of groups
  bool counted = false;    // has a reward: scored, or the config gives its outcome one. Others count only as outcomes.
  double reward = 0;       // finite where counted
  int64_t length = 0;      // tokens
  bool truncated = false;  // ended by the length limit
  int32_t outcome = 0;     // golong_outcome: 0 scored, 1 timeout, 2 error, 3 unscorable
  double penalty = 0;      // taken from the reward for its length: what is trained on is reward - penalty
};

// What was generated in a step, before filtering: reward/mean, reward/task/<task>, rollout/response_length/{mean,max},
// rollout/truncated (share), outcome/<task>/<outcome> (counts; zeros stand there for "scored" only), outcome/not_scored
// (share).
Metrics generation_metrics(const std::vector<GroupColumn>& groups, const std::vector<ResponseColumn>& responses);

// What is trained on, paper E.4, penalties taken off: task_metrics/<task>/..., reward_mode/<norm_key>/...,
// critic/{score,rewards}/std (score: without the penalty), and with `advantages` ([responses], or empty)
// critic/{advantages,returns}/{mean,max,min,std} over tokens, rollout/length_diff/{mean,max,min,std}.
Metrics batch_metrics(const std::vector<GroupColumn>& groups, const std::vector<ResponseColumn>& responses,
                      const std::vector<double>& advantages);

// How fast a step was, from its own train/tokens, train/flops, time/update and time/step: train/tokens_per_second,
// perf/tokens_per_second (`batch_tokens`: of the groups trained on), perf/mfu (`peak_flops`: a second). What needs a
// number that the step does not have is left out.
Metrics speed_metrics(const Metrics& step, double batch_tokens, double peak_flops);

}  // namespace golong

// Responses near and at the length limit: a penalty that rises towards it, and leaving those out that it ended (DAPO).
#pragma once
#include <cstdint>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"

namespace golong {

// 0 up to max_response_tokens - buffer_tokens, from there a straight line to `penalty` at max_response_tokens.
double overlong_penalty(int64_t tokens, const OverlongConfig& config, int64_t max_response_tokens);

// Sets Response::penalty.
void penalise_overlong(std::vector<Group>& groups, const OverlongConfig& config, int64_t max_response_tokens);

// What the learner gets of a batch; advantages[g][i] belongs to groups[g].responses[i].
struct TrainedBatch {
  std::vector<Group> groups;
  std::vector<std::vector<double>> advantages;
};

// A copy without the responses that the length limit ended, and without groups that had no others.
TrainedBatch without_overlong(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages);

}  // namespace golong

#include "core/train/overlong.h"

#include <algorithm>

namespace golong {

double overlong_penalty(int64_t tokens, const OverlongConfig& config, int64_t max_response_tokens) {
  if (config.buffer_tokens == 0) return 0;
  const int64_t into_buffer = tokens - (max_response_tokens - config.buffer_tokens);
  const double share = static_cast<double>(into_buffer) / static_cast<double>(config.buffer_tokens);
  return config.penalty * std::clamp(share, 0.0, 1.0);
}

void penalise_overlong(std::vector<Group>& groups, const OverlongConfig& config, int64_t max_response_tokens) {
  for (Group& group : groups) {
    for (Response& response : group.responses) {
      response.penalty = overlong_penalty(static_cast<int64_t>(response.token_ids.size()), config, max_response_tokens);
    }
  }
}

TrainedBatch without_overlong(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages) {
  TrainedBatch batch;
  for (size_t g = 0; g < groups.size(); ++g) {
    Group kept{groups[g].prompt, {}};
    std::vector<double> values;
    for (size_t i = 0; i < groups[g].responses.size(); ++i) {
      if (groups[g].responses[i].finish == Finish::length) continue;
      kept.responses.push_back(groups[g].responses[i]);
      values.push_back(advantages[g][i]);
    }
    if (kept.responses.empty()) continue;
    batch.groups.push_back(std::move(kept));
    batch.advantages.push_back(std::move(values));
  }
  return batch;
}

}  // namespace golong

// One update of the model from scored groups: pack, forward, loss, backward, clip, AdamW.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/model/model.h"
#include "core/report/metrics.h"
#include "core/train/optimizer.h"
#include "core/train/packing.h"

namespace golong {

class Learner {
 public:
  Learner(Model& model, const TrainConfig& config, int64_t max_response_tokens);

  // advantages[g][i] belongs to groups[g].responses[i]. Makes one optimizer step for each mini-batch and pass.
  // Responses without tokens count for nothing. A step whose loss or gradient is not finite is left out and counted;
  // Error after three in a row.
  Metrics update(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages);

  double learning_rate() const;  // of the next step: linear warm-up, then constant
  AdamW& optimizer() { return optimizer_; }
  const AdamW& optimizer() const { return optimizer_; }

 private:
  struct Sums;
  using Advantages = std::map<const Group*, const std::vector<double>*>;
  std::map<const Group*, std::vector<float>> old_logprobs(const std::vector<const Group*>& groups);
  void mini_batch(const std::vector<const Group*>& groups, const Advantages& advantages,
                  const std::map<const Group*, std::vector<float>>& old, Sums& sums);

  Model& model_;
  TrainConfig config_;
  int64_t max_response_tokens_;
  AdamW optimizer_;
  int64_t failures_in_a_row_ = 0;
};

}  // namespace golong

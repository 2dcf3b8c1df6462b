// One update of the model from scored groups: pack, forward, loss, backward, clip, AdamW.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/model/model.h"
#include "core/nn/logprob.h"
#include "core/report/metrics.h"
#include "core/train/optimizer.h"
#include "core/train/packing.h"
#include "core/train/schedule.h"

namespace golong {

class Learner {
 public:
  // The policy that is trained is the one that was sampled from: softmax(logits / temperature), temperature above 0.
  Learner(Model& model, const TrainConfig& config, int64_t max_response_tokens, double temperature = 1);

  // advantages[g][i] belongs to groups[g].responses[i]. Makes one optimizer step for each mini-batch and pass.
  // Responses without tokens count for nothing. A step whose loss or gradient is not finite is left out and counted;
  // Error after three in a row.
  Metrics update(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages);

  // How many updates the whole training has, those before a resume included: where the learning rate's decay ends.
  void expect(int64_t updates);

  double learning_rate() const { return schedule_.at(optimizer_.steps()); }  // of the next optimizer step
  AdamW& optimizer() { return optimizer_; }
  const AdamW& optimizer() const { return optimizer_; }

 private:
  struct Sums;
  using Advantages = std::map<const Group*, const std::vector<double>*>;
  nn::TokenLogprobs forward(const Packed& packed) const;
  std::map<const Group*, std::vector<float>> old_logprobs(const std::vector<const Group*>& groups);
  void mini_batch(const std::vector<const Group*>& groups, const Advantages& advantages,
                  const std::map<const Group*, std::vector<float>>& old, Sums& all);

  Model& model_;
  TrainConfig config_;
  int64_t max_response_tokens_;
  double temperature_;
  AdamW optimizer_;
  Schedule schedule_;
  int64_t failures_in_a_row_ = 0;
};

}  // namespace golong

// One update of the model from scored groups: pack, forward, loss, backward, clip, AdamW.
#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/data/group.h"
#include "core/model/model.h"
#include "core/model/sharded_states.h"
#include "core/parallel/mesh.h"
#include "core/report/metrics.h"
#include "core/train/loss.h"
#include "core/train/optimizer.h"
#include "core/train/run_passes.h"
#include "core/train/schedule.h"

namespace golong {

// Several updates in a row had a loss or a gradient that is not finite.
class NotFinite : public Error {
 public:
  using Error::Error;
};

// How an update is shared by ranks; by default this process makes it alone. All outlive the learner.
struct LearnerRanks {
  const parallel::Mesh* mesh = nullptr;
  ShardedStates* states = nullptr;            // of the model that is trained
  ShardedStates* reference_states = nullptr;  // of the reference model
  nn::ContextMethod method = nn::ContextMethod::gather;
};

// All ranks call the same functions with the same groups; each computes its part, and gets the metrics of all.
class Learner {
 public:
  // The policy that is trained is the one that was sampled from: softmax(logits / temperature), temperature above 0.
  // `reference`: the frozen model of train.kl, which lives as long as the learner; nullptr without a penalty.
  Learner(Model& model, const TrainConfig& config, int64_t max_response_tokens, double temperature = 1,
          const Model* reference = nullptr, LearnerRanks ranks = {});

  // advantages[g][i] belongs to groups[g].responses[i]. Makes one optimizer step for each mini-batch and pass.
  // Responses without tokens count for nothing. An optimizer step whose loss or gradient is not finite is left out and
  // counted; NotFinite after train.max_skipped_updates in a row.
  Metrics update(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages);

  // How many updates the whole training has, those before a resume included: where the learning rate's decay ends.
  void expect(int64_t updates);

  double learning_rate() const { return schedule_.at(optimizer_.steps()); }  // of the next optimizer step
  // Updates left out since the last that was made; a resumed run goes on counting.
  int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  void go_on_after_skipped(int64_t updates) { skipped_in_a_row_ = updates; }

  AdamW& optimizer() { return optimizer_; }
  const AdamW& optimizer() const { return optimizer_; }

 private:
  struct Sums;
  // The groups of one optimizer step, and what this rank computes of them.
  struct MiniBatch {
    std::vector<const Group*> groups;
    Passes passes;
  };
  // What is known of a batch before its first update. There is no `old` where the batch gets one update alone: the
  // policy is the old one then.
  struct Batch {
    std::vector<const Group*> groups;
    std::map<const Group*, const std::vector<double>*> advantages;
    std::vector<MiniBatch> mini_batches;
    bool has_old = false;  // also on a rank that has no group
    GroupLogprobs old, reference;
  };
  Batch prepare(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages) const;
  MiniBatch plan(std::vector<const Group*> groups) const;
  GroupLogprobs fixed_logprobs(const Model& model, ShardedStates* states, const Batch& batch) const;
  PassRules pass_rules() const;
  Sums mini_batch(const MiniBatch& mini, const Batch& batch);
  void backward(const std::vector<Slice>& slices, const nn::TokenLogprobs& policy, const Batch& batch,
                const LossScale& scale, Sums& sums);
  void add_over_ranks(Sums& sums) const;
  void zero_gradients();
  void take_gradients();  // that a backward pass has left in the parameters
  double gradient_norm();
  bool step(Sums& sums);
  Metrics metrics(const Sums& sums, double learning_rate) const;
  Metrics work(const Batch& batch) const;

  Model& model_;
  const Model* reference_;
  const LearnerRanks ranks_;
  TrainConfig config_;
  int64_t max_response_tokens_;
  double temperature_;
  AdamW optimizer_;
  Schedule schedule_;
  int64_t skipped_in_a_row_ = 0;
};

}  // namespace golong

// The policy loss of GRPO (paper A.7): clipped with a low and a high side, dual clip, three reductions, and importance
// correction for what the rollout's log-probabilities differ from the trainer's.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/config/config.h"

namespace golong {

enum class Reduction { token_mean, sequence_mean, fixed_length };
Reduction parse_reduction(const std::string& name);

// What a whole optimizer step divides by, so that micro-batches add up exactly.
struct LossScale {
  Reduction reduction = Reduction::sequence_mean;
  int64_t tokens = 0;               // response tokens of the step
  int64_t responses = 0;            // responses of the step
  int64_t max_response_tokens = 0;  // for fixed_length
};

// One row for each response token of a micro-batch; all [T], float32 but for `response`.
struct LossInput {
  at::Tensor logprobs;          // of the policy, with gradient
  at::Tensor old_logprobs;      // of the trainer before the first update of this batch
  at::Tensor rollout_logprobs;  // as generated
  at::Tensor advantages;        // the response's, repeated
  at::Tensor response;          // int64, index of the response within the micro-batch
  at::Tensor lengths;           // [responses of the micro-batch] int64, tokens
};

struct LossOutput {
  at::Tensor loss;          // scalar, this micro-batch's share of the step's loss
  double clipped_high = 0;  // tokens whose gradient the upper clip stopped
  double clipped_low = 0;
  double clipped_dual = 0;  // tokens that the dual clip stopped
  double corrected = 0;     // tokens that the rollout correction weighted 0
};

LossOutput policy_loss(const LossInput& input, const LossScale& scale, const TrainConfig& config);

// Weight of each token [T] under the rollout correction: 0 outside [lower, upper], 0 for a whole response with a ratio
// below `veto`, else the ratio exp(old - rollout).
at::Tensor rollout_weights(const LossInput& input, const RolloutCorrectionConfig& config);

}  // namespace golong

// The policy losses of GRPO: ppo (paper A.7), gspo and cispo, each with three reductions, an optional penalty for
// leaving a reference model and an optional bonus for entropy. Formulas and sources: docs/reference/losses.md.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "core/config/config.h"
#include "core/report/metrics.h"

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

// One row for each response token of a micro-batch; all [T], float32 but for `response`. Responses are whole.
struct LossInput {
  at::Tensor logprobs;            // of the policy, with gradient
  at::Tensor entropy;             // of the policy, with gradient where there is a bonus
  at::Tensor old_logprobs;        // of the trainer before the first update of this batch
  at::Tensor rollout_logprobs;    // as generated
  at::Tensor reference_logprobs;  // undefined where train.kl.estimator is "none"
  at::Tensor advantages;          // the response's, repeated
  at::Tensor response;            // int64, index of the response within the micro-batch
  at::Tensor lengths;             // [responses of the micro-batch] int64, tokens
};

struct LossOutput {
  at::Tensor loss;  // scalar, this micro-batch's share of the step's loss
  Metrics sums;     // over its tokens; divided by the tokens of all micro-batches they are the metrics "train/NAME"
};

LossOutput policy_loss(const LossInput& input, const LossScale& scale, const TrainConfig& config);

// [T]: the mean over the tokens of each one's response.
at::Tensor response_mean(const at::Tensor& values, const LossInput& input);

}  // namespace golong

#include "core/train/rollout_correction.h"

#include <ATen/ATen.h>

#include "core/base/error.h"

namespace golong {
namespace {

at::Tensor ratio_of(const at::Tensor& log_ratio) { return log_ratio.clamp(-20, 20).exp(); }

// The logarithm of what one weight is the ratio of, [T].
at::Tensor at_level(const at::Tensor& log_ratio, const LossInput& input, const std::string& level) {
  if (level == "token") return log_ratio;
  at::Tensor mean = response_mean(log_ratio, input);
  if (level == "geometric") return mean;
  if (level == "sequence") return mean * input.lengths.index_select(0, input.response);
  fail("unknown level of the rollout correction: ", level, "; expected token, sequence or geometric");
}

// [T] bool: tokens of responses that have any of `tokens` [T] bool.
at::Tensor whole_responses(const at::Tensor& tokens, const LossInput& input) {
  at::Tensor counts = at::zeros_like(input.lengths);
  counts.index_add_(0, input.response, tokens.to(at::kLong));
  return counts.index_select(0, input.response) > 0;
}

}  // namespace

RolloutWeights rollout_weights(const LossInput& input, const RolloutCorrectionConfig& config) {
  at::Tensor log_ratio = input.old_logprobs - input.rollout_logprobs;
  at::Tensor ratio = ratio_of(at_level(log_ratio, input, config.level));
  at::Tensor inside = (ratio >= config.lower).logical_and(ratio <= config.upper).to(ratio.scalar_type());
  RolloutWeights result;
  if (config.mode == "clip") {
    result.weights = ratio * inside;
  } else if (config.mode == "mask") {
    result.weights = inside;
  } else if (config.mode == "truncate") {
    result.weights = ratio.clamp_max(config.upper);
  } else {
    fail("unknown mode of the rollout correction: ", config.mode, "; expected clip, mask or truncate");
  }
  result.vetoed = whole_responses(ratio_of(log_ratio) < config.veto, input);  // none below 0
  result.weights = result.weights.masked_fill(result.vetoed, 0);
  return result;
}

}  // namespace golong

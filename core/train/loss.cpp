#include "core/train/loss.h"

#include <ATen/ATen.h>

#include "core/base/error.h"

namespace golong {

Reduction parse_reduction(const std::string& name) {
  if (name == "token_mean") return Reduction::token_mean;
  if (name == "sequence_mean") return Reduction::sequence_mean;
  if (name == "fixed_length") return Reduction::fixed_length;
  fail("unknown reduction ", name, "; expected token_mean, sequence_mean or fixed_length");
}

at::Tensor rollout_weights(const LossInput& input, const RolloutCorrectionConfig& config) {
  at::Tensor log_ratio = (input.old_logprobs - input.rollout_logprobs).clamp(-20, 20);
  at::Tensor ratio = log_ratio.exp();
  at::Tensor keep = (ratio >= config.lower).logical_and(ratio <= config.upper);
  if (config.veto > 0) {
    at::Tensor vetoed = at::zeros_like(input.lengths);
    vetoed.index_add_(0, input.response, (ratio < config.veto).to(at::kLong));
    keep = keep.logical_and(vetoed.index_select(0, input.response) == 0);
  }
  return ratio * keep.to(ratio.scalar_type());
}

LossOutput policy_loss(const LossInput& input, const LossScale& scale, const TrainConfig& config) {
  LossOutput output;
  const at::Tensor& advantage = input.advantages;
  at::Tensor ratio = (input.logprobs - input.old_logprobs).clamp(-20, 20).exp();
  at::Tensor plain = -advantage * ratio;
  at::Tensor clipped = -advantage * ratio.clamp(1 - config.clip_low, 1 + config.clip_high);
  at::Tensor loss = at::maximum(plain, clipped);
  if (config.dual_clip > 0) {
    at::Tensor limit = -advantage * config.dual_clip;
    output.clipped_dual = (advantage < 0).logical_and(loss > limit).sum().item<double>();
    loss = at::where(advantage < 0, at::minimum(loss, limit), loss);
  }
  output.clipped_high = (ratio > 1 + config.clip_high).logical_and(advantage > 0).sum().item<double>();
  output.clipped_low = (ratio < 1 - config.clip_low).logical_and(advantage < 0).sum().item<double>();
  if (config.rollout_correction.mode == "clip") {
    at::Tensor weights = rollout_weights(input, config.rollout_correction);
    output.corrected = (weights == 0).sum().item<double>();
    loss = loss * weights;
  }
  if (scale.reduction == Reduction::token_mean) {
    output.loss = loss.sum() / static_cast<double>(scale.tokens);
  } else if (scale.reduction == Reduction::sequence_mean) {
    at::Tensor share = input.lengths.index_select(0, input.response).to(loss.scalar_type());
    output.loss = (loss / share).sum() / static_cast<double>(scale.responses);
  } else {
    output.loss = loss.sum() / static_cast<double>(scale.responses * scale.max_response_tokens);
  }
  return output;
}

}  // namespace golong

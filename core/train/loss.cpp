#include "core/train/loss.h"

#include <ATen/ATen.h>

#include "core/base/error.h"
#include "core/train/rollout_correction.h"

namespace golong {
namespace {

// Beyond this the exponential says nothing that a clip would not, and could overflow.
constexpr double kLargestLog = 20;

double total(const at::Tensor& values) { return values.sum().item<double>(); }

// The smaller gain of the ratio and the clipped ratio.
at::Tensor clipped_loss(const at::Tensor& ratio, const at::Tensor& advantage, const RatioClip& clip, Metrics& sums) {
  sums["clip_fraction_high"] = total((ratio > 1 + clip.clip_high).logical_and(advantage > 0));
  sums["clip_fraction_low"] = total((ratio < 1 - clip.clip_low).logical_and(advantage < 0));
  return at::maximum(-advantage * ratio, -advantage * ratio.clamp(1 - clip.clip_low, 1 + clip.clip_high));
}

at::Tensor ppo(const LossInput& input, const TrainConfig& config, Metrics& sums) {
  const at::Tensor& advantage = input.advantages;
  at::Tensor ratio = (input.logprobs - input.old_logprobs).clamp(-kLargestLog, kLargestLog).exp();
  at::Tensor loss = clipped_loss(ratio, advantage, {config.clip_low, config.clip_high}, sums);
  if (config.dual_clip == 0) return loss;
  at::Tensor limit = -advantage * config.dual_clip;
  sums["clip_fraction_dual"] = total((advantage < 0).logical_and(loss > limit));
  return at::where(advantage < 0, at::minimum(loss, limit), loss);
}

// The ratio of a response is the geometric mean of its tokens'. Written for each token (GSPO-token): the value is the
// response's, the gradient the token's own. With one advantage for a response that is GSPO's gradient exactly, and
// weights of single tokens still do what they say.
at::Tensor gspo(const LossInput& input, const TrainConfig& config, Metrics& sums) {
  at::Tensor mean = response_mean((input.logprobs - input.old_logprobs).detach(), input);
  at::Tensor ratio = (mean.clamp(-kLargestLog, kLargestLog) + input.logprobs - input.logprobs.detach()).exp();
  return clipped_loss(ratio, input.advantages, config.gspo, sums);
}

// The ratio is a weight without gradient: a clipped token still learns, with the clipped weight.
at::Tensor cispo(const LossInput& input, const TrainConfig& config, Metrics& sums) {
  at::Tensor ratio = (input.logprobs - input.old_logprobs).detach().clamp(-kLargestLog, kLargestLog).exp();
  const double low = 1 - config.cispo.clip_low, high = 1 + config.cispo.clip_high;
  sums["clip_fraction_high"] = total(ratio > high);
  sums["clip_fraction_low"] = total(ratio < low);
  return -input.advantages * ratio.clamp(low, high) * input.logprobs;
}

at::Tensor token_loss(const LossInput& input, const TrainConfig& config, Metrics& sums) {
  if (config.loss == "ppo") return ppo(input, config, sums);
  if (config.loss == "gspo") return gspo(input, config, sums);
  if (config.loss == "cispo") return cispo(input, config, sums);
  fail("unknown loss ", config.loss, "; expected ppo, gspo or cispo");
}

// Estimates of the divergence of the policy from the reference, for tokens that the policy drew.
at::Tensor divergence(const LossInput& input, const std::string& estimator) {
  at::Tensor d = input.logprobs - input.reference_logprobs;
  if (estimator == "k1") return d;
  if (estimator == "k2") return d.square() / 2;
  if (estimator == "k3") return d.neg().clamp(-kLargestLog, kLargestLog).exp() + d - 1;
  fail("unknown estimator ", estimator, "; expected k1, k2 or k3");
}

at::Tensor reduce(const at::Tensor& loss, const LossInput& input, const LossScale& scale) {
  if (scale.reduction == Reduction::token_mean) return loss.sum() / static_cast<double>(scale.tokens);
  if (scale.reduction == Reduction::sequence_mean) {
    at::Tensor share = input.lengths.index_select(0, input.response).to(loss.scalar_type());
    return (loss / share).sum() / static_cast<double>(scale.responses);
  }
  return loss.sum() / static_cast<double>(scale.responses * scale.max_response_tokens);
}

// How far policy, trainer before the update, and rollout are apart.
void measure(const LossInput& input, Metrics& sums) {
  at::Tensor policy = input.logprobs.detach(), rollout = input.rollout_logprobs - input.old_logprobs;
  sums["entropy"] = total(input.entropy.detach());
  sums["policy_kl"] = total(input.old_logprobs - policy);
  sums["rollout_logprob_difference"] = total(rollout.abs());
  sums["rollout_kl"] = total(rollout);
  // Where the two are as close as float32 allows, exp() - 1 would be rounding alone, and as often below 0.
  sums["rollout_kl_k3"] = total(rollout.neg().clamp(-kLargestLog, kLargestLog).expm1() + rollout);
}

}  // namespace

Reduction parse_reduction(const std::string& name) {
  if (name == "token_mean") return Reduction::token_mean;
  if (name == "sequence_mean") return Reduction::sequence_mean;
  if (name == "fixed_length") return Reduction::fixed_length;
  fail("unknown reduction ", name, "; expected token_mean, sequence_mean or fixed_length");
}

at::Tensor response_mean(const at::Tensor& values, const LossInput& input) {
  at::Tensor sums = at::zeros({input.lengths.size(0)}, values.options());
  sums.index_add_(0, input.response, values);
  return (sums / input.lengths.clamp_min(1)).index_select(0, input.response);
}

LossOutput policy_loss(const LossInput& input, const LossScale& scale, const TrainConfig& config) {
  LossOutput output;
  measure(input, output.sums);
  at::Tensor loss = token_loss(input, config, output.sums);
  if (config.rollout_correction.mode != "none") {
    RolloutWeights correction = rollout_weights(input, config.rollout_correction);
    output.sums["correction_weight"] = total(correction.weights);
    output.sums["corrected_fraction"] = total(correction.weights == 0);
    output.sums["vetoed_fraction"] = total(correction.vetoed);
    loss = loss * correction.weights;
  }
  if (config.kl.estimator != "none") {
    at::Tensor kl = divergence(input, config.kl.estimator);
    output.sums["reference_kl"] = total(kl.detach());
    if (config.kl.coefficient != 0) loss = loss + config.kl.coefficient * kl;
  }
  if (config.entropy_coefficient != 0) loss = loss - config.entropy_coefficient * input.entropy;
  output.loss = reduce(loss, input, scale);
  return output;
}

}  // namespace golong

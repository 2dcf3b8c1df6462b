#include "core/train/learner.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/nn/logprob.h"
#include "core/report/log.h"
#include "core/train/loss.h"

namespace golong {

// Sums over the tokens of all micro-batches, made into means at the end.
struct Learner::Sums {
  double loss = 0, entropy = 0, tokens = 0;
  double difference = 0, rollout_kl = 0, policy_kl = 0;
  double clipped_high = 0, clipped_low = 0, clipped_dual = 0, corrected = 0;
  double gradient_norm = 0, packed_tokens = 0, repeated_tokens = 0;
  int64_t steps = 0, skipped = 0;

  void add(const Sums& more) {
    loss += more.loss;
    entropy += more.entropy;
    tokens += more.tokens;
    difference += more.difference;
    rollout_kl += more.rollout_kl;
    policy_kl += more.policy_kl;
    clipped_high += more.clipped_high;
    clipped_low += more.clipped_low;
    clipped_dual += more.clipped_dual;
    corrected += more.corrected;
    gradient_norm += more.gradient_norm;
    packed_tokens += more.packed_tokens;
    repeated_tokens += more.repeated_tokens;
    steps += more.steps;
  }
};

Learner::Learner(Model& model, const TrainConfig& config, int64_t max_response_tokens, double temperature)
    : model_(model),
      config_(config),
      max_response_tokens_(max_response_tokens),
      temperature_(temperature),
      optimizer_(model.parameters(), {config.beta1, config.beta2, config.adam_epsilon, config.weight_decay}),
      schedule_{config.learning_rate, config.min_learning_rate, config.warmup_steps, 0, config.learning_rate_decay} {}

void Learner::expect(int64_t updates) {
  int64_t mini_batches = config_.mini_batch_prompts > 0 ? config_.prompts_per_step / config_.mini_batch_prompts : 1;
  schedule_.steps = updates * config_.updates_per_batch * mini_batches;
}

// The policy's log-probabilities of the response tokens of a micro-batch.
nn::TokenLogprobs Learner::forward(const Packed& packed) const {
  GroupAttention attention(packed.layouts);
  at::Tensor hidden = model_.hidden(packed.token_ids, packed.positions, attention);
  return nn::token_logprobs(hidden.index_select(0, packed.rows), model_.head(), packed.targets, temperature_);
}

namespace {

at::Tensor floats(const std::vector<float>& values, at::Device device) {
  return at::tensor(values, at::kFloat).to(device);
}

bool has_tokens(const Group& group) {
  return std::any_of(group.responses.begin(), group.responses.end(),
                     [](const Response& r) { return !r.token_ids.empty(); });
}

}  // namespace

// The trainer's own log-probabilities before the first update; needed only where a batch gets several.
std::map<const Group*, std::vector<float>> Learner::old_logprobs(const std::vector<const Group*>& groups) {
  std::map<const Group*, std::vector<float>> old;
  c10::NoGradGuard no_grad;
  for (const auto& part : split(groups, config_.micro_batch_tokens)) {
    at::Tensor logprobs = forward(pack(part, model_.device())).logprobs.to(at::kCPU).contiguous();
    const float* next = logprobs.const_data_ptr<float>();
    for (const Group* group : part) {
      size_t tokens = 0;
      for (const Response& response : group->responses) tokens += response.token_ids.size();
      old[group].assign(next, next + tokens);
      next += tokens;
    }
  }
  return old;
}

Metrics Learner::update(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages) {
  std::vector<const Group*> order;
  Advantages by_group;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!has_tokens(groups[g])) continue;
    order.push_back(&groups[g]);
    by_group[&groups[g]] = &advantages[g];
  }
  if (order.empty()) fail("the batch has no response with tokens; nothing can be learned from it");
  int64_t per_step = config_.mini_batch_prompts > 0 ? config_.mini_batch_prompts : static_cast<int64_t>(order.size());
  bool several = config_.updates_per_batch > 1 || per_step < static_cast<int64_t>(order.size());
  std::map<const Group*, std::vector<float>> old;
  if (several) old = old_logprobs(order);
  Sums sums;
  double rate = learning_rate();
  for (int64_t pass = 0; pass < config_.updates_per_batch; ++pass) {
    for (size_t start = 0; start < order.size(); start += per_step) {
      size_t end = std::min(order.size(), start + static_cast<size_t>(per_step));
      mini_batch({order.begin() + start, order.begin() + end}, by_group, old, sums);
    }
  }
  Metrics always{{"train/learning_rate", rate}, {"train/skipped_steps", static_cast<double>(sums.skipped)}};
  if (sums.steps == 0) return always;  // nothing finite to report
  double tokens = sums.tokens, steps = static_cast<double>(sums.steps);
  Metrics metrics{{"train/loss", sums.loss / steps},
                  {"train/grad_norm", sums.gradient_norm / steps},
                  {"train/entropy", sums.entropy / tokens},
                  {"train/clip_fraction_high", sums.clipped_high / tokens},
                  {"train/clip_fraction_low", sums.clipped_low / tokens},
                  {"train/clip_fraction_dual", sums.clipped_dual / tokens},
                  {"train/policy_kl", sums.policy_kl / tokens},
                  {"train/rollout_kl", sums.rollout_kl / tokens},
                  {"train/rollout_logprob_difference", sums.difference / tokens},
                  {"train/shared_token_share", 1 - sums.packed_tokens / std::max(sums.repeated_tokens, 1.0)}};
  metrics.merge(always);
  if (config_.rollout_correction.mode != "none") metrics["train/corrected_fraction"] = sums.corrected / tokens;
  return metrics;
}

void Learner::mini_batch(const std::vector<const Group*>& groups, const Advantages& advantages,
                         const std::map<const Group*, std::vector<float>>& old, Sums& all) {
  LossScale scale{parse_reduction(config_.reduction), 0, 0, max_response_tokens_};
  for (const Group* group : groups) {
    for (const Response& response : group->responses) {
      scale.tokens += static_cast<int64_t>(response.token_ids.size());
      scale.responses += !response.token_ids.empty();
    }
  }
  optimizer_.zero_grad();
  Sums sums;
  for (const auto& part : split(groups, config_.micro_batch_tokens)) {
    Packed packed = pack(part, model_.device());
    std::vector<float> advantage, rollout, before;
    for (const Group* group : part) {
      for (size_t i = 0; i < group->responses.size(); ++i) {
        const Response& response = group->responses[i];
        advantage.insert(advantage.end(), response.token_ids.size(), static_cast<float>((*advantages.at(group))[i]));
        rollout.insert(rollout.end(), response.sampled_logprobs.begin(), response.sampled_logprobs.end());
        sums.repeated_tokens += static_cast<double>(group->prompt.token_ids.size() + response.token_ids.size());
      }
      if (!old.empty()) before.insert(before.end(), old.at(group).begin(), old.at(group).end());
    }
    sums.packed_tokens += static_cast<double>(packed.token_ids.size(0));
    nn::TokenLogprobs policy = forward(packed);
    LossInput input{policy.logprobs,
                    old.empty() ? policy.logprobs.detach() : floats(before, model_.device()),
                    floats(rollout, model_.device()),
                    floats(advantage, model_.device()),
                    packed.response,
                    packed.lengths};
    LossOutput output = policy_loss(input, scale, config_);
    output.loss.backward();
    optimizer_.accumulate();
    sums.loss += output.loss.item<double>();
    sums.entropy += policy.entropy.sum().item<double>();
    at::Tensor moved = input.rollout_logprobs - input.old_logprobs;
    sums.difference += moved.abs().sum().item<double>();
    sums.rollout_kl += moved.sum().item<double>();
    sums.policy_kl += (input.old_logprobs - policy.logprobs.detach()).sum().item<double>();
    sums.clipped_high += output.clipped_high;
    sums.clipped_low += output.clipped_low;
    sums.clipped_dual += output.clipped_dual;
    sums.corrected += output.corrected;
    sums.tokens += static_cast<double>(packed.targets.size(0));
  }
  double norm = optimizer_.gradient_norm();
  if (!std::isfinite(sums.loss) || !std::isfinite(norm)) {
    ++all.skipped;
    log::warning("an update was left out: loss ", sums.loss, ", gradient norm ", norm);
    if (++failures_in_a_row_ >= 3) {
      fail(
          "three updates in a row had a loss or a gradient that is not finite; lower train.learning_rate, or look at "
          "the rewards and advantages in samples.jsonl");
    }
    return;
  }
  failures_in_a_row_ = 0;
  double clip = config_.clip_grad_norm > 0 && norm > config_.clip_grad_norm ? config_.clip_grad_norm / norm : 1.0;
  optimizer_.step(learning_rate(), clip);
  sums.gradient_norm = norm;
  sums.steps = 1;
  all.add(sums);
}

}  // namespace golong

#include "core/train/learner.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "core/report/log.h"
#include "core/train/flops.h"

namespace golong {

// Of one optimizer step, or of all that were made.
struct Learner::Sums {
  Metrics over_tokens;  // LossOutput::sums
  double loss = 0, tokens = 0, gradient_norm = 0, packed_tokens = 0, repeated_tokens = 0;
  int64_t steps = 0, skipped = 0;

  void add(const Sums& more) {
    for (const auto& [name, value] : more.over_tokens) over_tokens[name] += value;
    loss += more.loss;
    tokens += more.tokens;
    gradient_norm += more.gradient_norm;
    packed_tokens += more.packed_tokens;
    repeated_tokens += more.repeated_tokens;
    steps += more.steps;
    skipped += more.skipped;
  }
};

Learner::Learner(Model& model, const TrainConfig& config, int64_t max_response_tokens, double temperature,
                 const Model* reference)
    : model_(model),
      reference_(reference),
      config_(config),
      max_response_tokens_(max_response_tokens),
      temperature_(temperature),
      optimizer_(model.parameters(), {config.beta1, config.beta2, config.adam_epsilon, config.weight_decay,
                                      config.optimizer_device == "cpu"}),
      schedule_{config.learning_rate, config.min_learning_rate, config.warmup_steps, 0, config.learning_rate_decay} {
  assert((reference != nullptr) == (config.kl.estimator != "none"));
}

void Learner::expect(int64_t updates) {
  int64_t mini_batches = config_.mini_batch_prompts > 0 ? config_.prompts_per_step / config_.mini_batch_prompts : 1;
  schedule_.steps = updates * config_.updates_per_batch * mini_batches;
}

namespace {

at::Tensor floats(const std::vector<float>& values, at::Device device) {
  return at::tensor(values, at::kFloat).to(device);
}

// Adds those of some responses of a group.
void add(const GroupLogprobs& logprobs, const Group& group, ResponseRange range, std::vector<float>& to) {
  if (logprobs.empty()) return;
  const auto first = logprobs.at(&group).begin() + tokens_of(group, {0, range.first});
  to.insert(to.end(), first, first + tokens_of(group, range));
}

bool has_tokens(const Group& group) {
  return std::any_of(group.responses.begin(), group.responses.end(),
                     [](const Response& r) { return !r.token_ids.empty(); });
}

LossScale scale_of(const std::vector<const Group*>& groups, const std::string& reduction, int64_t max_response_tokens) {
  LossScale scale{parse_reduction(reduction), 0, 0, max_response_tokens};
  for (const Group* group : groups) {
    for (const Response& response : group->responses) {
      scale.tokens += static_cast<int64_t>(response.token_ids.size());
      scale.responses += !response.token_ids.empty();
    }
  }
  return scale;
}

}  // namespace

Learner::Batch Learner::prepare(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages,
                                int64_t* per_step) const {
  Batch batch;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!has_tokens(groups[g])) continue;
    batch.groups.push_back(&groups[g]);
    batch.advantages[&groups[g]] = &advantages[g];
  }
  if (batch.groups.empty()) fail("the batch has no response with tokens; nothing can be learned from it");
  const auto count = static_cast<int64_t>(batch.groups.size());
  *per_step = config_.mini_batch_prompts > 0 ? config_.mini_batch_prompts : count;
  const int64_t budget = config_.micro_batch_tokens;
  if (config_.updates_per_batch > 1 || *per_step < count) {
    batch.old = fixed_logprobs(model_, batch.groups, budget, temperature_, config_.share_prefix);
  }
  if (reference_)
    batch.reference = fixed_logprobs(*reference_, batch.groups, budget, temperature_, config_.share_prefix);
  return batch;
}

Metrics Learner::update(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages) {
  int64_t per_step = 0;
  const Batch batch = prepare(groups, advantages, &per_step);
  Sums all;
  const double rate = learning_rate();
  for (int64_t pass = 0; pass < config_.updates_per_batch; ++pass) {
    for (auto start = batch.groups.begin(); start != batch.groups.end();) {
      auto end = start + std::min<std::ptrdiff_t>(per_step, batch.groups.end() - start);
      Sums sums = mini_batch({start, end}, batch);
      if (step(sums)) {
        all.add(sums);
      } else {
        ++all.skipped;
      }
      start = end;
    }
  }
  Metrics metrics = this->metrics(all, rate);
  metrics.merge(work(batch));
  return metrics;
}

// What an update computes, whether its steps are made or left out. The backward pass is twice the forward.
Metrics Learner::work(const Batch& batch) const {
  const auto passes = static_cast<double>(config_.updates_per_batch);
  const double forward = forward_flops(model_, batch.groups, config_.share_prefix);
  double flops = 3 * passes * forward, tokens = 0;
  if (!batch.old.empty()) flops += forward;
  if (reference_) flops += forward_flops(*reference_, batch.groups, config_.share_prefix);
  for (const Group* group : batch.groups) {
    tokens += passes * static_cast<double>(packed_tokens(*group, config_.share_prefix));
  }
  return {{"train/tokens", tokens}, {"train/flops", flops}};
}

Metrics Learner::metrics(const Sums& sums, double learning_rate) const {
  Metrics metrics{{"train/learning_rate", learning_rate}, {"update/skipped", static_cast<double>(sums.skipped)}};
  if (sums.steps == 0) return metrics;  // nothing finite to report
  const double steps = static_cast<double>(sums.steps);
  metrics["train/loss"] = sums.loss / steps;
  metrics["train/grad_norm"] = sums.gradient_norm / steps;
  metrics["train/shared_token_share"] = 1 - sums.packed_tokens / std::max(sums.repeated_tokens, 1.0);
  for (const auto& [name, sum] : sums.over_tokens) metrics["train/" + name] = sum / sums.tokens;
  return metrics;
}

Learner::Sums Learner::mini_batch(const std::vector<const Group*>& groups, const Batch& batch) {
  const LossScale scale = scale_of(groups, config_.reduction, max_response_tokens_);
  optimizer_.zero_grad();
  Sums sums;
  for (const Group* group : groups) {
    sums.repeated_tokens += static_cast<double>(packed_tokens(*group, /*share_prefix=*/false));
  }
  for (const auto& part : split(groups, config_.micro_batch_tokens, config_.share_prefix)) {
    if (config_.share_prefix && packed_tokens(*part[0]) > config_.micro_batch_tokens) {
      large_group(*part[0], batch, scale, sums);
    } else {
      micro_batch(part, batch, scale, sums);
    }
  }
  return sums;
}

void Learner::micro_batch(const std::vector<const Group*>& groups, const Batch& batch, const LossScale& scale,
                          Sums& sums) {
  const Packed packed = pack(groups, model_.device(), config_.share_prefix);
  std::vector<Slice> slices;
  slices.reserve(groups.size());
  for (const Group* group : groups) slices.push_back({group, {0, group->responses.size()}});
  sums.packed_tokens += static_cast<double>(packed.token_ids.size(0));
  backward(slices, response_logprobs(model_, packed, temperature_, recomputed(packed.token_ids.size(0))), batch, scale,
           sums);
}

// Layers to run again in the backward pass of so many tokens.
int64_t Learner::recomputed(int64_t tokens) const {
  return layers_to_recompute(model_, tokens, config_.recompute, config_.activation_bytes);
}

void Learner::large_group(const Group& group, const Batch& batch, const LossScale& scale, Sums& sums) {
  const std::vector<ResponseRange> parts = response_parts(group, config_.micro_batch_tokens);
  int64_t largest = 0;
  for (const ResponseRange& range : parts) largest = std::max(largest, tokens_of(group, range));
  KeptPrompt prompt(model_, group.prompt.token_ids,
                    recomputed(static_cast<int64_t>(group.prompt.token_ids.size()) + largest));
  for (const ResponseRange& range : parts) {
    if (tokens_of(group, range) == 0) continue;
    backward({{&group, range}}, prompt.logprobs(group, range, temperature_), batch, scale, sums);
  }
  prompt.backward();
  optimizer_.accumulate();
  sums.packed_tokens += static_cast<double>(packed_tokens(group));
}

// The loss of the responses whose tokens the policy's log-probabilities are of, one after the other.
void Learner::backward(const std::vector<Slice>& slices, const nn::TokenLogprobs& policy, const Batch& batch,
                       const LossScale& scale, Sums& sums) {
  const at::Device device = model_.device();
  std::vector<float> advantage, rollout, old, reference;
  std::vector<int64_t> response_of, lengths;
  for (const auto& [group, range] : slices) {
    for (size_t i = range.first; i < range.last; ++i) {
      const Response& response = group->responses[i];
      const size_t tokens = response.token_ids.size();
      advantage.insert(advantage.end(), tokens, static_cast<float>((*batch.advantages.at(group))[i]));
      rollout.insert(rollout.end(), response.sampled_logprobs.begin(), response.sampled_logprobs.end());
      response_of.insert(response_of.end(), tokens, static_cast<int64_t>(lengths.size()));
      lengths.push_back(static_cast<int64_t>(tokens));
    }
    add(batch.old, *group, range, old);
    add(batch.reference, *group, range, reference);
  }
  const LossInput input{
      .logprobs = policy.logprobs,
      .entropy = policy.entropy,
      .old_logprobs = batch.old.empty() ? policy.logprobs.detach() : floats(old, device),
      .rollout_logprobs = floats(rollout, device),
      .reference_logprobs = batch.reference.empty() ? at::Tensor() : floats(reference, device),
      .advantages = floats(advantage, device),
      .response = at::tensor(response_of, at::kLong).to(device),
      .lengths = at::tensor(lengths, at::kLong).to(device),
  };
  const LossOutput output = policy_loss(input, scale, config_);
  output.loss.backward();
  optimizer_.accumulate();
  sums.loss += output.loss.item<double>();
  sums.tokens += static_cast<double>(policy.logprobs.size(0));
  for (const auto& [name, value] : output.sums) sums.over_tokens[name] += value;
}

// False where the step was left out.
bool Learner::step(Sums& sums) {
  const double norm = optimizer_.gradient_norm();
  if (!std::isfinite(sums.loss) || !std::isfinite(norm)) {
    log::warning("an update was left out: loss ", sums.loss, ", gradient norm ", norm);
    if (++skipped_in_a_row_ >= config_.max_skipped_updates) {
      throw NotFinite(std::to_string(skipped_in_a_row_) +
                      " updates in a row had a loss or a gradient that is not finite (train.max_skipped_updates)");
    }
    return false;
  }
  skipped_in_a_row_ = 0;
  const double clip = config_.clip_grad_norm > 0 && norm > config_.clip_grad_norm ? config_.clip_grad_norm / norm : 1.0;
  optimizer_.step(learning_rate(), clip);
  sums.gradient_norm = norm;
  sums.steps = 1;
  return true;
}

}  // namespace golong

#include "core/train/learner.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "core/base/bytes.h"
#include "core/report/log.h"
#include "core/train/flops.h"
#include "core/train/forward.h"
#include "core/train/packing.h"

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

namespace {

const parallel::Mesh kAlone;

AdamW make_optimizer(const Model& model, const TrainConfig& config, const ShardedStates* states) {
  const AdamWOptions options{.beta1 = config.beta1,
                             .beta2 = config.beta2,
                             .epsilon = config.adam_epsilon,
                             .weight_decay = config.weight_decay,
                             .on_cpu = config.optimizer_device == "cpu"};
  return states ? AdamW(states->pieces(), options) : AdamW(model.parameters(), options);
}

// What is of no layer is there while one lives.
class HeldRoot {
 public:
  explicit HeldRoot(ShardedStates* states) : states_(states) {
    if (states_) states_->begin_passes();
  }
  ~HeldRoot() {
    if (states_) states_->end_passes();
  }
  HeldRoot(const HeldRoot&) = delete;
  HeldRoot& operator=(const HeldRoot&) = delete;

 private:
  ShardedStates* states_;
};

}  // namespace

Learner::Learner(Model& model, const TrainConfig& config, int64_t max_response_tokens, double temperature,
                 const Model* reference, LearnerRanks ranks)
    : model_(model),
      reference_(reference),
      ranks_{ranks.mesh ? ranks.mesh : &kAlone, ranks.states, ranks.reference_states, ranks.method},
      config_(config),
      max_response_tokens_(max_response_tokens),
      temperature_(temperature),
      optimizer_(make_optimizer(model, config, ranks.states)),
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

// Adds those of a response.
void add(const GroupLogprobs& logprobs, const Group& group, size_t response, std::vector<float>& to) {
  if (logprobs.empty()) return;
  const std::vector<float>& values = logprobs.at(&group)[response];
  to.insert(to.end(), values.begin(), values.end());
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

Learner::Batch Learner::prepare(const std::vector<Group>& groups,
                                const std::vector<std::vector<double>>& advantages) const {
  Batch batch;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!has_tokens(groups[g])) continue;
    batch.groups.push_back(&groups[g]);
    batch.advantages[&groups[g]] = &advantages[g];
  }
  if (batch.groups.empty()) fail("the batch has no response with tokens; nothing can be learned from it");
  const auto count = static_cast<std::ptrdiff_t>(batch.groups.size());
  const std::ptrdiff_t per_step = config_.mini_batch_prompts > 0 ? config_.mini_batch_prompts : count;
  for (auto start = batch.groups.begin(); start != batch.groups.end();) {
    const auto end = start + std::min(per_step, batch.groups.end() - start);
    batch.mini_batches.push_back(plan({start, end}));
    start = end;
  }
  batch.has_old = config_.updates_per_batch > 1 || per_step < count;
  if (batch.has_old) batch.old = fixed_logprobs(model_, ranks_.states, batch);
  if (reference_) batch.reference = fixed_logprobs(*reference_, ranks_.reference_states, batch);
  return batch;
}

// Ranks whose passes meet run as many of them.
Learner::MiniBatch Learner::plan(std::vector<const Group*> groups) const {
  const parallel::Mesh& mesh = *ranks_.mesh;
  const int64_t contexts = mesh.context.size();
  std::vector<Passes> passes;
  for (const auto& part : deal_groups(groups, mesh.parts(), [&](const Group& group) {
         return forward_flops(model_, {&group}, config_.share_prefix);
       })) {
    passes.push_back(plan_passes(part, config_.micro_batch_tokens, config_.share_prefix, contexts));
  }
  if (ranks_.states && (ranks_.states->in_step() || !mesh.expert.alone())) fill_up(passes, contexts);
  return {std::move(groups), std::move(passes[static_cast<size_t>(mesh.part())])};
}

PassRules Learner::pass_rules() const {
  return {.temperature = temperature_,
          .share_prefix = config_.share_prefix,
          .recomputed =
              [this](int64_t tokens) {
                return layers_to_recompute(model_, tokens, config_.recompute, config_.activation_bytes);
              },
          .context = {ranks_.mesh->context, ranks_.method}};
}

// Under a model that does not change meanwhile, of the responses that this rank computes.
GroupLogprobs Learner::fixed_logprobs(const Model& model, ShardedStates* states, const Batch& batch) const {
  GroupLogprobs all;
  const HeldRoot root(states);
  for (const MiniBatch& mini : batch.mini_batches) add_logprobs(model, mini.passes, pass_rules(), all);
  return all;
}

Metrics Learner::update(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages) {
  const Batch batch = prepare(groups, advantages);
  Sums all;
  const double rate = learning_rate();
  for (int64_t pass = 0; pass < config_.updates_per_batch; ++pass) {
    for (const MiniBatch& mini : batch.mini_batches) {
      Sums sums = mini_batch(mini, batch);
      if (step(sums)) {
        all.add(sums);
      } else {
        ++all.skipped;
      }
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
  if (batch.has_old) flops += forward;
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

Learner::Sums Learner::mini_batch(const MiniBatch& mini, const Batch& batch) {
  const LossScale scale = scale_of(mini.groups, config_.reduction, max_response_tokens_);
  zero_gradients();
  Sums sums;
  const HeldRoot root(ranks_.states);
  run_passes(model_, mini.passes, pass_rules(),
             {.forward = [&](const std::vector<Slice>& slices,
                             const nn::TokenLogprobs& policy) { backward(slices, policy, batch, scale, sums); },
              .prompt_backward = [this] { take_gradients(); }});
  add_over_ranks(sums);
  for (const Group* group : mini.groups) {
    sums.packed_tokens += static_cast<double>(packed_tokens(*group, config_.share_prefix));
    sums.repeated_tokens += static_cast<double>(packed_tokens(*group, /*share_prefix=*/false));
  }
  return sums;
}

// Added up in the order of ranks, so that all have the same bits.
void Learner::add_over_ranks(Sums& sums) const {
  const parallel::Group& all = ranks_.mesh->all;
  if (all.alone()) return;
  Encoder out;
  out.number(sums.loss).number(sums.tokens);
  out.number<uint64_t>(sums.over_tokens.size());
  for (const auto& [name, value] : sums.over_tokens) out.text(name).number(value);
  sums = {};
  for (const std::string& text : all.gather(out.take())) {
    Decoder in(text);
    sums.loss += in.number<double>();
    sums.tokens += in.number<double>();
    for (auto left = in.number<uint64_t>(); left > 0; --left) {
      const std::string name = in.text();
      sums.over_tokens[name] += in.number<double>();
    }
  }
}

void Learner::zero_gradients() {
  if (ranks_.states) {
    ranks_.states->zero_gradients();
  } else {
    optimizer_.zero_grad();
  }
}

void Learner::take_gradients() {
  if (ranks_.states) {
    ranks_.states->take_gradients();
  } else {
    optimizer_.accumulate();
  }
}

double Learner::gradient_norm() {
  if (!ranks_.states) return optimizer_.gradient_norm();
  ranks_.states->finish_gradients();
  const at::Tensor norm =
      at::full({1}, optimizer_.gradient_norm(ranks_.states->replica()), at::dtype(at::kDouble).device(model_.device()));
  // With another number of threads a sum may round otherwise, and what is clipped by it: replicas take the first one's.
  const parallel::Group& replicas = ranks_.mesh->replicas;
  const at::Tensor all = at::empty({replicas.size()}, norm.options());
  replicas.gather(all, norm);
  return all[0].item<double>();
}

// The loss of the responses whose tokens the policy's log-probabilities are of, one after the other.
void Learner::backward(const std::vector<Slice>& slices, const nn::TokenLogprobs& policy, const Batch& batch,
                       const LossScale& scale, Sums& sums) {
  const at::Device device = model_.device();
  std::vector<float> advantage, rollout, old, reference;
  std::vector<int64_t> response_of, lengths;
  for (const auto& [group, responses] : slices) {
    for (const size_t i : responses) {
      const Response& response = group->responses[i];
      const size_t tokens = response.token_ids.size();
      advantage.insert(advantage.end(), tokens, static_cast<float>((*batch.advantages.at(group))[i]));
      rollout.insert(rollout.end(), response.sampled_logprobs.begin(), response.sampled_logprobs.end());
      response_of.insert(response_of.end(), tokens, static_cast<int64_t>(lengths.size()));
      lengths.push_back(static_cast<int64_t>(tokens));
      add(batch.old, *group, i, old);
      add(batch.reference, *group, i, reference);
    }
  }
  const LossInput input{
      .logprobs = policy.logprobs,
      .entropy = policy.entropy,
      .old_logprobs = batch.has_old ? floats(old, device) : policy.logprobs.detach(),
      .rollout_logprobs = floats(rollout, device),
      .reference_logprobs = reference_ ? floats(reference, device) : at::Tensor(),
      .advantages = floats(advantage, device),
      .response = at::tensor(response_of, at::kLong).to(device),
      .lengths = at::tensor(lengths, at::kLong).to(device),
  };
  const LossOutput output = policy_loss(input, scale, config_);
  output.loss.backward();
  take_gradients();
  sums.loss += output.loss.item<double>();
  sums.tokens += static_cast<double>(policy.logprobs.size(0));
  for (const auto& [name, value] : output.sums) sums.over_tokens[name] += value;
}

// False where the step was left out.
bool Learner::step(Sums& sums) {
  const double norm = gradient_norm();
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
  if (ranks_.states) ranks_.states->spread_weights();
  sums.gradient_norm = norm;
  sums.steps = 1;
  return true;
}

}  // namespace golong

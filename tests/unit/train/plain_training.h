// A training in float64, written plainly from the formulas: every response by itself behind its prompt, whole attention
// matrices, whole logits, ordinary autograd, and none of golong's kernels, packing or optimizer.
#pragma once
#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/model/model.h"

namespace golong {

using Weights = std::map<std::string, at::Tensor>;

inline Weights float64_weights(const Model& model) {
  Weights weights;
  for (const auto& [name, tensor] : model.parameters()) {
    weights[name] = tensor.detach().to(at::kDouble).clone().requires_grad_(true);
  }
  return weights;
}

// A dense Qwen3 with a tied head.
class PlainQwen3 {
 public:
  PlainQwen3(ModelShape shape, const Weights& weights) : shape_(std::move(shape)), weights_(weights) {}

  // Logits [T, V].
  at::Tensor logits(const std::vector<int64_t>& ids) const {
    at::Tensor x = weights_.at("model.embed_tokens.weight").index_select(0, at::tensor(ids, at::kLong));
    for (int64_t layer = 0; layer < shape_.layers; ++layer) {
      const std::string at_layer = "model.layers." + std::to_string(layer) + ".";
      x = x + attention(norm(x, at_layer + "input_layernorm"), at_layer + "self_attn.");
      x = x + mlp(norm(x, at_layer + "post_attention_layernorm"), at_layer + "mlp.");
    }
    return at::matmul(norm(x, "model.norm"), weights_.at("model.embed_tokens.weight").t());
  }

 private:
  at::Tensor project(const at::Tensor& x, const std::string& name) const {
    return at::matmul(x, weights_.at(name + ".weight").t());
  }
  at::Tensor norm(const at::Tensor& x, const std::string& name) const {
    return x * (x.square().mean(-1, true) + shape_.rms_norm_eps).rsqrt() * weights_.at(name + ".weight");
  }
  at::Tensor mlp(const at::Tensor& x, const std::string& at_layer) const {
    at::Tensor gate = project(x, at_layer + "gate_proj");
    return project(gate * at::sigmoid(gate) * project(x, at_layer + "up_proj"), at_layer + "down_proj");
  }
  // x [T, H, D]
  at::Tensor rotate(const at::Tensor& x) const {
    const int64_t half = shape_.head_dim / 2;
    at::Tensor frequency = at::pow(shape_.rope.theta, -at::arange(half, at::kDouble) / half);
    at::Tensor angle = (at::arange(x.size(0), at::kDouble).unsqueeze(1) * frequency).unsqueeze(1);
    at::Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
    return at::cat({a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()}, 2);
  }
  at::Tensor attention(const at::Tensor& x, const std::string& at_layer) const {
    const int64_t tokens = x.size(0), width = shape_.head_dim, share = shape_.heads / shape_.kv_heads;
    at::Tensor q = project(x, at_layer + "q_proj").view({tokens, shape_.heads, width});
    at::Tensor k = project(x, at_layer + "k_proj").view({tokens, shape_.kv_heads, width});
    at::Tensor v = project(x, at_layer + "v_proj").view({tokens, shape_.kv_heads, width}).repeat_interleave(share, 1);
    q = rotate(norm(q, at_layer + "q_norm"));
    k = rotate(norm(k, at_layer + "k_norm")).repeat_interleave(share, 1);
    at::Tensor scores = at::matmul(q.transpose(0, 1), k.permute({1, 2, 0})) / std::sqrt(static_cast<double>(width));
    at::Tensor future = at::ones({tokens, tokens}, at::kBool).triu(1);
    at::Tensor mixed = at::matmul(scores.masked_fill(future, -INFINITY).softmax(-1), v.transpose(0, 1));
    return project(mixed.transpose(0, 1).reshape({tokens, shape_.heads * width}), at_layer + "o_proj");
  }

  ModelShape shape_;
  const Weights& weights_;
};

// Of the tokens of one response, [R].
struct PlainResponse {
  at::Tensor logprobs, entropy;
};

inline PlainResponse plain_response(const PlainQwen3& model, const Group& group, const Response& response,
                                    double temperature) {
  std::vector<int64_t> ids(group.prompt.token_ids.begin(), group.prompt.token_ids.end());
  ids.insert(ids.end(), response.token_ids.begin(), response.token_ids.end());
  std::vector<int64_t> chosen(response.token_ids.begin(), response.token_ids.end());
  const auto count = static_cast<int64_t>(chosen.size());
  at::Tensor logits = model.logits(ids).narrow(0, static_cast<int64_t>(ids.size()) - count - 1, count);
  at::Tensor all = at::log_softmax(logits / temperature, -1);
  return {all.gather(1, at::tensor(chosen, at::kLong).unsqueeze(1)).squeeze(1), -(all.exp() * all).sum(1)};
}

// The loss of one response's tokens [R] before any reduction; those of ppo and cispo, and gspo's as one number.
inline at::Tensor plain_policy_loss(const at::Tensor& logprobs, const at::Tensor& old, double advantage,
                                    const TrainConfig& c) {
  if (c.loss == "cispo") {
    at::Tensor weight = (logprobs - old).exp().detach().clamp(1 - c.cispo.clip_low, 1 + c.cispo.clip_high);
    return -weight * advantage * logprobs;
  }
  if (c.loss == "gspo") {
    at::Tensor ratio = (logprobs - old).mean().exp();
    at::Tensor bounded = ratio.clamp(1 - c.gspo.clip_low, 1 + c.gspo.clip_high);
    return -at::minimum(ratio * advantage, bounded * advantage).expand_as(logprobs);
  }
  at::Tensor ratio = (logprobs - old).exp(), bounded = ratio.clamp(1 - c.clip_low, 1 + c.clip_high);
  at::Tensor gain = at::minimum(ratio * advantage, bounded * advantage);
  if (advantage < 0) gain = gain.clamp_min(c.dual_clip * advantage);
  return -gain;
}

// Token level, mode clip (paper A.7).
inline at::Tensor plain_correction(const at::Tensor& old, const at::Tensor& rollout, const TrainConfig& c) {
  at::Tensor ratio = (old - rollout).exp();
  at::Tensor weight =
      ratio.masked_fill((ratio < c.rollout_correction.lower).logical_or(ratio > c.rollout_correction.upper), 0);
  return (ratio < c.rollout_correction.veto).any().item<bool>() ? at::zeros_like(weight) : weight;
}

// AdamW with ppo, gspo or cispo, mean of the responses' token means, k3.
class PlainTraining {
 public:
  PlainTraining(const Model& model, TrainConfig config, double temperature, const Model* reference = nullptr)
      : weights(float64_weights(model)), shape_(model.shape()), config_(std::move(config)), temperature_(temperature) {
    if (reference) reference_ = float64_weights(*reference);
    for (const auto& [name, tensor] : weights) first[name] = second[name] = at::zeros_like(tensor.detach());
  }

  // All optimizer steps of a batch; `mini_batch` groups in each.
  void update(const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages,
              double learning_rate, size_t mini_batch, int64_t passes) {
    std::vector<std::vector<at::Tensor>> old = all_logprobs(groups, weights), reference;
    if (!reference_.empty()) reference = all_logprobs(groups, reference_);
    for (int64_t pass = 0; pass < passes; ++pass) {
      for (size_t start = 0; start < groups.size(); start += mini_batch) {
        const size_t end = std::min(groups.size(), start + mini_batch);
        double responses = 0;
        for (size_t g = start; g < end; ++g) responses += static_cast<double>(groups[g].responses.size());
        const PlainQwen3 model(shape_, weights);
        at::Tensor total = at::zeros({}, at::kDouble);
        for (size_t g = start; g < end; ++g) {
          for (size_t i = 0; i < groups[g].responses.size(); ++i) {
            const Response& response = groups[g].responses[i];
            PlainResponse now = plain_response(model, groups[g], response, temperature_);
            at::Tensor value = plain_policy_loss(now.logprobs, old[g][i], advantages[g][i], config_);
            if (config_.rollout_correction.mode == "clip") {
              at::Tensor rollout = at::tensor(response.sampled_logprobs, at::kFloat).to(at::kDouble);
              value = value * plain_correction(old[g][i], rollout, config_);
            }
            if (!reference.empty()) {
              at::Tensor d = now.logprobs - reference[g][i];
              value = value + config_.kl.coefficient * ((-d).exp() + d - 1);
            }
            total = total + (value - config_.entropy_coefficient * now.entropy).mean() / responses;
          }
        }
        total.backward();
        loss.push_back(total.item<double>());
        step(learning_rate);
      }
    }
  }

  Weights weights, first, second;  // first and second: AdamW's moments
  std::vector<double> loss, norm;  // of each optimizer step

 private:
  std::vector<std::vector<at::Tensor>> all_logprobs(const std::vector<Group>& groups, const Weights& of) const {
    std::vector<std::vector<at::Tensor>> all;
    for (const Group& group : groups) {
      all.emplace_back();
      for (const Response& response : group.responses) {
        all.back().push_back(plain_response(PlainQwen3(shape_, of), group, response, temperature_).logprobs.detach());
      }
    }
    return all;
  }

  void step(double learning_rate) {
    double squares = 0;
    for (auto& [name, w] : weights) squares += w.grad().square().sum().item<double>();
    norm.push_back(std::sqrt(squares));
    const double clip = config_.clip_grad_norm, scale = clip > 0 && norm.back() > clip ? clip / norm.back() : 1;
    const double steps = static_cast<double>(norm.size());
    const double b1 = config_.beta1, b2 = config_.beta2;
    for (auto& [name, w] : weights) {
      at::Tensor g = w.grad() * scale, value = w.detach();
      first[name] = b1 * first[name] + (1 - b1) * g;
      second[name] = b2 * second[name] + (1 - b2) * g.square();
      at::Tensor mean = first[name] / (1 - std::pow(b1, steps)), square = second[name] / (1 - std::pow(b2, steps));
      if (w.dim() > 1) value = value * (1 - learning_rate * config_.weight_decay);
      w = (value - learning_rate * mean / (square.sqrt() + config_.adam_epsilon)).detach().requires_grad_(true);
    }
  }

  ModelShape shape_;
  Weights reference_;
  TrainConfig config_;
  double temperature_;
};

}  // namespace golong

// A Qwen3 small enough for tests, groups of random tokens, and a plain reference of the policy's log-probabilities:
// every response by itself behind its prompt, whole attention matrices, whole logits, ordinary autograd.
#pragma once
#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/data/group.h"
#include "core/model/model.h"

namespace golong {

inline ModelShape tiny_shape() {
  ModelShape shape;
  shape.architecture = "Qwen3ForCausalLM";
  shape.vocabulary = 48;
  shape.hidden = 32;
  shape.layers = 2;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_dim = 8;
  shape.intermediate = 48;
  shape.max_positions = 256;
  shape.rope.theta = 1e4;
  shape.qk_norm = true;
  shape.tied = true;
  return shape;
}

// As Qwen3-30B-A3B in small: experts in the second layer.
inline ModelShape tiny_experts() {
  ModelShape shape = tiny_shape();
  shape.architecture = "Qwen3MoeForCausalLM";
  shape.experts = {.count = 6, .per_token = 2, .intermediate = 16, .normalize = true, .every = 2};
  return shape;
}

// Fresh weights times 8: with 0.02 a tiny model is so close to uniform that a wrong gradient could hide.
inline std::unique_ptr<Model> tiny_model(at::ScalarType dtype = at::kFloat, uint64_t seed = 7,
                                         const ModelShape& shape = tiny_shape(), at::Device device = at::kCPU) {
  std::unique_ptr<Model> model = make_model(shape, dtype, at::kCPU, seed);
  for (const auto& [name, tensor] : model->parameters()) {
    if (tensor.dim() > 1) tensor.detach().mul_(8);
  }
  if (device.is_cpu()) return model;
  std::unique_ptr<Model> there = make_model(shape, dtype, device, seed);
  for (size_t i = 0; i < model->parameters().size(); ++i) {
    there->parameters()[i].second.detach().copy_(model->parameters()[i].second.detach());
  }
  return there;
}

// A group of random tokens; rollout log-probabilities are random numbers near log(1/48).
inline Group random_group(size_t prompt, const std::vector<size_t>& responses, uint64_t seed) {
  RandomSequence random(random_key({seed}));
  Group group;
  for (size_t i = 0; i < prompt; ++i) group.prompt.token_ids.push_back(static_cast<int32_t>(random.below(48)));
  for (size_t length : responses) {
    Response response;
    for (size_t i = 0; i < length; ++i) {
      response.token_ids.push_back(static_cast<int32_t>(random.below(48)));
      response.sampled_logprobs.push_back(static_cast<float>(-3.9 + random.uniform()));
    }
    group.responses.push_back(std::move(response));
  }
  return group;
}

// Attention over one sequence, by the definition.
class PlainAttention : public Attention {
 public:
  at::Tensor attend(int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) override {
    int64_t tokens = q.size(0), share = q.size(1) / k.size(1);
    at::Tensor keys = k.repeat_interleave(share, 1).transpose(0, 1), values = v.repeat_interleave(share, 1);
    at::Tensor scores = at::matmul(q.transpose(0, 1), keys.transpose(1, 2)) * scale;
    at::Tensor future = at::ones({tokens, tokens}, at::kBool).triu(1);
    at::Tensor weights = at::softmax(scores.masked_fill(future, -INFINITY), -1);
    return at::matmul(weights, values.transpose(0, 1)).transpose(0, 1);
  }
};

// Logits at each place of one response [R, V], with gradient.
inline at::Tensor plain_logits(const Model& model, const Group& group, const Response& response) {
  std::vector<int64_t> ids(group.prompt.token_ids.begin(), group.prompt.token_ids.end());
  ids.insert(ids.end(), response.token_ids.begin(), response.token_ids.end());
  int64_t tokens = static_cast<int64_t>(ids.size()), count = static_cast<int64_t>(response.token_ids.size());
  PlainAttention attention;
  at::Tensor hidden = model.hidden(at::tensor(ids, at::kLong), at::arange(tokens, at::kLong), attention);
  return at::matmul(hidden, model.head().t()).narrow(0, tokens - count - 1, count);
}

// Log-probabilities of every token of the vocabulary at each place of one response [R, V], with gradient.
inline at::Tensor plain_distributions(const Model& model, const Group& group, const Response& response) {
  return at::log_softmax(plain_logits(model, group, response), -1);
}

// Log-probabilities of one response's tokens [R], with gradient.
inline at::Tensor plain_logprobs(const Model& model, const Group& group, const Response& response,
                                 double temperature = 1) {
  std::vector<int64_t> chosen(response.token_ids.begin(), response.token_ids.end());
  at::Tensor policy = (plain_distributions(model, group, response) / temperature).log_softmax(1);
  return policy.gather(1, at::tensor(chosen, at::kLong).unsqueeze(1)).squeeze(1);
}

}  // namespace golong

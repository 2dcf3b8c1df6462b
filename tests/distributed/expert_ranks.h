// A model whose experts are shared out over ranks, beside the same model in one process.
#pragma once
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "tests/unit/ranks.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {

inline parallel::Group everyone(parallel::World& world) {
  std::vector<int64_t> ranks(static_cast<size_t>(world.rank().size));
  std::iota(ranks.begin(), ranks.end(), 0);
  return world.group(ranks, "expert ranks");
}

// Five layers, of which the first is dense.
inline ModelShape deep_experts() {
  ModelShape shape = tiny_experts();
  shape.layers = 5;
  shape.experts = {.count = 8, .per_token = 2, .intermediate = 16, .normalize = true, .every = 1, .dense_layers = {0}};
  shape.json = R"({"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "vocab_size": 48,
    "hidden_size": 32, "num_hidden_layers": 5, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "intermediate_size": 48, "max_position_embeddings": 256, "rope_theta": 10000.0, "rms_norm_eps": 1e-6,
    "tie_word_embeddings": true, "attention_bias": false, "torch_dtype": "float32", "num_experts": 8,
    "num_experts_per_tok": 2, "moe_intermediate_size": 16, "norm_topk_prob": true, "mlp_only_layers": [0]})";
  return shape;
}

// tiny_model of that shape; in the fourth layer the second half of the experts is never chosen.
inline std::unique_ptr<Model> expert_model(at::ScalarType dtype, const parallel::Group& experts = {},
                                           const ModelShape& shape = deep_experts()) {
  std::unique_ptr<Model> model = make_model(shape, dtype, at::kCPU, 7, experts);
  for (const auto& [name, tensor] : model->parameters()) {
    if (tensor.dim() > 1) tensor.detach().mul_(8);
    if (name != "model.layers.3.mlp.gate.weight") continue;
    const at::Tensor one = tensor.detach()[0].clone(), factors = at::zeros({8});
    factors.narrow(0, 0, 4).copy_(at::tensor({1., 2., -1., -2.}));  // one sign or the other is above all zeros
    tensor.detach().copy_(factors.to(dtype).unsqueeze(1) * one.unsqueeze(0));
  }
  return model;
}

// The largest difference, relative to the largest number.
inline double difference(const at::Tensor& got, const at::Tensor& expected) {
  if (got.sizes() != expected.sizes()) return INFINITY;
  if (got.numel() == 0) return 0;
  return (got - expected).abs().max().item<double>() / (1e-30 + expected.abs().max().item<double>());
}

}  // namespace golong

#include "core/model/parameter_count.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

TEST(ParameterCount, IsThatOfTheModelThatIsMade) {
  ModelShape biased = tiny_shape(), experts = tiny_experts();
  biased.architecture = "LlamaForCausalLM";
  biased.qk_norm = biased.tied = false;
  biased.attention_bias = biased.mlp_bias = true;
  experts.layers = 5;
  experts.experts.dense_layers = {3};
  for (const ModelShape& shape : {tiny_shape(), biased, experts}) {
    int64_t count = 0;
    for (const auto& [name, tensor] : make_model(shape, at::kFloat, at::kCPU, 1)->parameters()) count += tensor.numel();
    EXPECT_EQ(parameter_count(shape), count) << shape.architecture;
  }
}

}  // namespace
}  // namespace golong

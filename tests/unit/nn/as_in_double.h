// Layers on the CPU in float32, which have kernels of their own, against the same in float64, which go through ATen's
// operations and their derivatives.
#pragma once
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace golong::nn {

inline at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  return at::empty(shape).normal_(0, 1, at::detail::createCPUGenerator(seed));
}

// Compares outputs, and the gradients to all inputs for random gradients of the outputs.
inline void expect_all_as_in_double(
    const std::vector<at::Tensor>& inputs,
    const std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>& layer) {
  const auto run = [&](at::ScalarType type) {
    std::vector<at::Tensor> results, leaves;
    for (const at::Tensor& input : inputs) leaves.push_back(input.to(type).detach().clone().requires_grad_(true));
    at::Tensor sum = at::zeros({}, type);
    uint64_t seed = 99;
    for (const at::Tensor& output : layer(leaves)) {
      results.push_back(output.detach().to(at::kDouble).clone());
      sum = sum + (output * random(output.sizes(), seed++).to(type)).sum();
    }
    sum.backward();
    for (const at::Tensor& leaf : leaves) results.push_back(leaf.grad().to(at::kDouble));
    return results;
  };
  const std::vector<at::Tensor> ours = run(at::kFloat), expected = run(at::kDouble);
  for (size_t i = 0; i < ours.size(); ++i) {
    const double error = (ours[i] - expected[i]).abs().max().item<double>();
    EXPECT_LT(error / (1 + expected[i].abs().max().item<double>()), 2e-6) << "of outputs and gradients number " << i;
  }
}

inline void expect_as_in_double(const std::vector<at::Tensor>& inputs,
                                const std::function<at::Tensor(const std::vector<at::Tensor>&)>& layer) {
  expect_all_as_in_double(inputs, [&](const auto& in) { return std::vector<at::Tensor>{layer(in)}; });
}

}  // namespace golong::nn

#include "core/nn/layers.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace golong::nn {
namespace {

at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  return at::empty(shape).normal_(0, 1, at::detail::createCPUGenerator(seed));
}

TEST(RmsNorm, ScalesRowsToTheWeights) {
  at::Tensor x = random({3, 8}, 1), weight = random({8}, 2), y = rms_norm(x, weight, 1e-6);
  for (int64_t row = 0; row < 3; ++row) {
    double sum = 0;
    for (int64_t i = 0; i < 8; ++i) sum += std::pow(x[row][i].item<double>(), 2);
    for (int64_t i = 0; i < 8; ++i) {
      double expected = x[row][i].item<double>() / std::sqrt(sum / 8 + 1e-6) * weight[i].item<double>();
      EXPECT_NEAR(y[row][i].item<double>(), expected, 1e-5);
    }
  }
}

at::Tensor frequencies(double theta, int64_t d) {
  return at::pow(theta, at::arange(0, d, 2, at::kFloat) / static_cast<double>(d)).reciprocal();
}

TEST(Rotate, TurnsPairsOfHalvesByThePositionsAngle) {
  const int64_t d = 6;
  const double theta = 10000;
  at::Tensor x = random({2, 3, d}, 3), positions = at::tensor({0, 1234}, at::kLong);
  at::Tensor y = rotate(x, rotary(positions, frequencies(theta, d)));
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t h = 0; h < 3; ++h) {
      for (int64_t i = 0; i < d / 2; ++i) {
        double angle = positions[t].item<double>() / std::pow(theta, 2.0 * static_cast<double>(i) / d);
        double a = x[t][h][i].item<double>(), b = x[t][h][i + d / 2].item<double>();
        EXPECT_NEAR(y[t][h][i].item<double>(), a * std::cos(angle) - b * std::sin(angle), 1e-4);
        EXPECT_NEAR(y[t][h][i + d / 2].item<double>(), b * std::cos(angle) + a * std::sin(angle), 1e-4);
      }
    }
  }
}

TEST(Rotate, ScoresDependOnDistanceAlone) {
  at::Tensor q = random({1, 1, 16}, 4), k = random({1, 1, 16}, 5);
  auto score = [&](int64_t i, int64_t j) {
    at::Tensor a = rotate(q, rotary(at::tensor({i}, at::kLong), frequencies(1e6, 16)));
    at::Tensor b = rotate(k, rotary(at::tensor({j}, at::kLong), frequencies(1e6, 16)));
    return (a * b).sum().item<double>();
  };
  EXPECT_NEAR(score(7, 2), score(1007, 1002), 1e-3);
  EXPECT_GT(std::abs(score(7, 2) - score(7, 6)), 1e-3);
}

TEST(Swiglu, IsSiluTimesUp) {
  at::Tensor gate = at::tensor({-2.0f, 0.0f, 3.0f}), up = at::tensor({5.0f, 7.0f, -1.0f});
  at::Tensor y = swiglu(gate, up);
  EXPECT_NEAR(y[0].item<double>(), -2 / (1 + std::exp(2.0)) * 5, 1e-6);
  EXPECT_EQ(y[1].item<double>(), 0);
  EXPECT_NEAR(y[2].item<double>(), -3 / (1 + std::exp(-3.0)), 1e-6);
}

// Float32 on the CPU has kernels of its own; float64 goes through ATen's operations and their derivatives.
void expect_as_in_double(const std::vector<at::Tensor>& inputs,
                         const std::function<at::Tensor(const std::vector<at::Tensor>&)>& layer) {
  auto run = [&](at::ScalarType type) {
    std::vector<at::Tensor> results, leaves;
    for (const at::Tensor& input : inputs) leaves.push_back(input.to(type).detach().clone().requires_grad_(true));
    results.push_back(layer(leaves));
    results[0].backward(random(results[0].sizes(), 99).to(type));
    for (const at::Tensor& leaf : leaves) results.push_back(leaf.grad().to(at::kDouble));
    return results;
  };
  std::vector<at::Tensor> ours = run(at::kFloat), expected = run(at::kDouble);
  for (size_t i = 0; i < ours.size(); ++i) {
    double error = (ours[i].to(at::kDouble) - expected[i]).abs().max().item<double>();
    EXPECT_LT(error / (1 + expected[i].abs().max().item<double>()), 2e-6) << (i == 0 ? "output" : "gradient") << i;
  }
}

TEST(Kernels, RmsNormAndItsGradients) {
  for (int64_t width : {5, 32, 192}) {
    expect_as_in_double({random({700, width}, 1) * 3, random({width}, 2)},
                        [](const auto& in) { return rms_norm(in[0], in[1], 1e-6); });
  }
  // A view with gaps, and rows of zeros.
  expect_as_in_double({random({9, 2, 40}, 3), random({40}, 4)},
                      [](const auto& in) { return rms_norm(in[0].transpose(0, 1), in[1], 1e-6); });
  expect_as_in_double({at::zeros({3, 32}), random({32}, 5)},
                      [](const auto& in) { return rms_norm(in[0], in[1], 1e-2); });
}

TEST(Kernels, RotateAndItsGradient) {
  for (int64_t width : {6, 32, 128}) {
    Rotary turns = rotary(at::arange(300, at::kLong), frequencies(1e4, width));
    expect_as_in_double({random({300, 3, width}, 6)}, [&](const auto& in) { return rotate(in[0], turns); });
  }
}

TEST(Kernels, SwigluAndItsGradients) {
  at::Tensor gate = random({301, 37}, 7) * 4, up = random({301, 37}, 8);
  gate[0].fill_(100);
  gate[1].fill_(-100);
  expect_as_in_double({gate, up}, [](const auto& in) { return swiglu(in[0], in[1]); });
}

TEST(Linear, WithAndWithoutBias) {
  at::Tensor weight = at::tensor({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}).view({3, 2}), x = at::tensor({1.0f, -1.0f});
  EXPECT_TRUE(at::equal(Linear{weight, {}}(x), at::tensor({-1.0f, -1.0f, -1.0f})));
  EXPECT_TRUE(at::equal(Linear{weight, at::tensor({1.0f, 0.0f, 2.0f})}(x), at::tensor({0.0f, -1.0f, 1.0f})));
}

}  // namespace
}  // namespace golong::nn

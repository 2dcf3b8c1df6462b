#include "core/nn/norms.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/unit/nn/as_in_double.h"

namespace golong::nn {
namespace {

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

// Rows of several parts of a sum; with norms and without.
TEST(Kernels, NormRotateAndItsGradients) {
  for (const auto& [tokens, heads, width] : {std::tuple{1, 1, 6}, {300, 3, 32}, {900, 2, 40}}) {
    const Rotary turns = rotary(at::arange(tokens, at::kLong), frequencies(1e4, width));
    const at::Tensor x = random({tokens, heads, width}, 6), weight = random({width}, 7);
    const auto turned = [&](const auto& in) {
      return norm_rotate(in[0], in.size() > 1 ? in[1] : at::Tensor(), 1e-6, turns);
    };
    expect_as_in_double({x, weight}, turned);
    expect_as_in_double({x}, turned);
    const at::Tensor with = turned(std::vector{x, weight});
    const c10::NoGradGuard none;
    EXPECT_TRUE(at::equal(turned(std::vector{x, weight}), with));
  }
}

// Both outputs have gradients; then one of them.
TEST(Kernels, ResidualNormAndItsGradients) {
  for (const auto& [rows, width] : {std::pair{1, 5}, {700, 192}}) {
    const at::Tensor x = random({rows, width}, 1), added = random({rows, width}, 2), weight = random({width}, 3);
    const auto both = [](const Residual& residual) { return std::vector{residual.sum, residual.normed}; };
    expect_all_as_in_double({x, weight}, [&](const auto& in) { return both(residual_norm(in[0], {}, in[1], 1e-6)); });
    expect_all_as_in_double({x, weight, added},
                            [&](const auto& in) { return both(residual_norm(in[0], in[2], in[1], 1e-6)); });
    expect_as_in_double({x, weight, added},
                        [](const auto& in) { return residual_norm(in[0], in[2], in[1], 1e-6).normed; });
    expect_as_in_double({x, added}, [&](const auto& in) {
      return residual_norm(in[0], in[1], weight.to(in[0].scalar_type()), 1e-6).sum;
    });
    const Residual with = residual_norm(x, added, weight, 1e-6);
    EXPECT_TRUE(at::equal(with.sum, x + added));
    EXPECT_TRUE(at::equal(with.normed, rms_norm(x + added, weight, 1e-6)));
  }
}

TEST(Kernels, RefuseWhatDoesNotFit) {
  const at::Tensor x = random({3, 2, 8}, 1), weight = random({8}, 2);
  const Rotary turns = rotary(at::arange(3, at::kLong), frequencies(1e4, 8));
  EXPECT_THROW(norm_rotate(x, random({4}, 3), 1e-6, turns), c10::Error);
  EXPECT_THROW(norm_rotate(x, weight.to(at::kBFloat16), 1e-6, turns), c10::Error);
  EXPECT_THROW(norm_rotate(random({4, 2, 8}, 4), weight, 1e-6, turns), c10::Error);
  EXPECT_THROW(residual_norm(x, random({3, 2, 4}, 5), weight, 1e-6), c10::Error);
  EXPECT_THROW(residual_norm(x, x.to(at::kBFloat16), weight, 1e-6), c10::Error);
  EXPECT_THROW(residual_norm(x, {}, random({4}, 6), 1e-6), c10::Error);
  EXPECT_THROW(residual_norm(x.transpose(0, 1), {}, weight, 1e-6), c10::Error);
}

// What one operation makes of bfloat16 is what several do: their results between are rounded as stored ones are.
TEST(Kernels, InBfloat16TheyAreTheOperationsThatTheyAreMadeOf) {
  const auto narrow = [](const at::Tensor& x) { return x.to(at::kBFloat16).requires_grad_(true); };
  const Rotary turns = rotary(at::arange(70, at::kLong), frequencies(1e4, 16));
  const auto gradients = [&](bool fused) {
    const at::Tensor x = narrow(random({70, 48}, 1)), added = narrow(random({70, 48}, 2));
    const at::Tensor weight = narrow(random({48}, 3)), head = narrow(random({16}, 4));
    const Residual residual = residual_norm(x, added, weight, 1e-6);
    const at::Tensor sum = fused ? residual.sum : x + added;
    const at::Tensor normed = fused ? residual.normed : rms_norm(sum, weight, 1e-6);
    const at::Tensor heads = normed.view({70, 3, 16});
    const at::Tensor turned =
        fused ? norm_rotate(heads, head, 1e-6, turns) : rotate(rms_norm(heads, head, 1e-6), turns);
    (sum.square().sum() + turned.square().sum()).backward();
    return std::vector{sum.detach(), turned.detach(), x.grad(), added.grad(), weight.grad(), head.grad()};
  };
  const std::vector<at::Tensor> ours = gradients(true), expected = gradients(false);
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_TRUE(at::equal(ours[i], expected[i])) << i;
}

}  // namespace
}  // namespace golong::nn

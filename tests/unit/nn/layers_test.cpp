#include "core/nn/layers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "tests/unit/nn/as_in_double.h"

namespace golong::nn {
namespace {

TEST(Swiglu, IsSiluTimesUp) {
  at::Tensor gate = at::tensor({-2.0f, 0.0f, 3.0f}), up = at::tensor({5.0f, 7.0f, -1.0f});
  at::Tensor y = swiglu(std::move(gate), std::move(up));
  EXPECT_NEAR(y[0].item<double>(), -2 / (1 + std::exp(2.0)) * 5, 1e-6);
  EXPECT_EQ(y[1].item<double>(), 0);
  EXPECT_NEAR(y[2].item<double>(), -3 / (1 + std::exp(-3.0)), 1e-6);
}

TEST(Swiglu, IsAsInDoubleWithItsGradients) {
  at::Tensor gate = random({301, 37}, 7) * 4, up = random({301, 37}, 8);
  gate[0].fill_(100);
  gate[1].fill_(-100);
  expect_as_in_double({gate, up}, [](const auto& in) { return swiglu(in[0] * 1, in[1] * 1); });
}

TEST(Swiglu, RefusesASecondBackwardPass) {
  const at::Tensor x = random({5, 4}, 1).requires_grad_(true);
  const at::Tensor sum = swiglu(x * 1, x * 2).sum();
  sum.backward({}, /*retain_graph=*/true);
  EXPECT_THROW(sum.backward(), c10::Error);
}

TEST(Linear, WithAndWithoutBias) {
  at::Tensor weight = at::tensor({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}).view({3, 2}), x = at::tensor({1.0f, -1.0f});
  EXPECT_TRUE(at::equal(Linear{weight, {}}(x), at::tensor({-1.0f, -1.0f, -1.0f})));
  EXPECT_TRUE(at::equal(Linear{weight, at::tensor({1.0f, 0.0f, 2.0f})}(x), at::tensor({0.0f, -1.0f, 1.0f})));
}

}  // namespace
}  // namespace golong::nn

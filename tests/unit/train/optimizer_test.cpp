// AdamW by hand, in float64.
#include "core/train/optimizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"

namespace golong {
namespace {

const AdamWOptions kOptions{0.9, 0.99, 1e-8, 0.1};

at::Tensor parameter(std::vector<double> values, std::vector<int64_t> shape, at::ScalarType dtype = at::kFloat) {
  return at::tensor(values, at::kDouble).to(dtype).view(shape).detach().requires_grad_(true);
}

void set_gradient(at::Tensor& tensor, std::vector<double> values) {
  tensor.mutable_grad() = at::tensor(values, at::kDouble).to(tensor.scalar_type()).view(tensor.sizes());
}

// The weight after `gradients`, one step each, with learning rate 0.01.
double by_hand(double weight, const std::vector<double>& gradients, double decay) {
  double m = 0, v = 0;
  for (size_t t = 1; t <= gradients.size(); ++t) {
    double g = gradients[t - 1];
    m = 0.9 * m + 0.1 * g;
    v = 0.99 * v + 0.01 * g * g;
    weight -= 0.01 * decay * weight;
    weight -= 0.01 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.99, t))) + 1e-8);
  }
  return weight;
}

TEST(AdamW, ThreeStepsByHandAndNoDecayOfNorms) {
  at::Tensor matrix = parameter({0.5, -1.0, 2.0, 0.25}, {2, 2}), norm = parameter({1.0, 0.5}, {2});
  AdamW optimizer({{"matrix", matrix}, {"norm", norm}}, kOptions);
  std::vector<std::vector<double>> gradients{{0.3, -0.2, 0.0, 4.0}, {0.1, 0.5, -1e-4, -4.0}, {-0.3, 0.2, 0.0, 1.0}};
  for (const auto& g : gradients) {
    set_gradient(matrix, g);
    set_gradient(norm, {g[0], g[1]});
    optimizer.step(0.01);
  }
  EXPECT_EQ(optimizer.steps(), 3);
  std::vector<double> start{0.5, -1.0, 2.0, 0.25}, ones{1.0, 0.5};
  for (int64_t i = 0; i < 4; ++i) {
    std::vector<double> column;
    for (const auto& g : gradients) column.push_back(g[static_cast<size_t>(i)]);
    EXPECT_NEAR(matrix.view({-1})[i].item<double>(), by_hand(start[static_cast<size_t>(i)], column, 0.1), 1e-6);
    if (i < 2) {
      EXPECT_NEAR(norm[i].item<double>(), by_hand(ones[static_cast<size_t>(i)], column, 0), 1e-6);
    }
  }
}

TEST(AdamW, ScaleMultipliesTheGradientAndTheNormIsGlobal) {
  at::Tensor a = parameter({1, 1}, {2, 1}), b = parameter({1}, {1}), scaled = parameter({1, 1}, {2, 1});
  AdamW optimizer({{"a", a}, {"b", b}}, kOptions), other({{"a", scaled}}, kOptions);
  set_gradient(a, {3, 0});
  set_gradient(b, {4});
  EXPECT_DOUBLE_EQ(optimizer.gradient_norm(), 5);
  set_gradient(scaled, {6, 0});
  optimizer.step(0.01);
  other.step(0.01, 0.5);
  EXPECT_TRUE(at::equal(a, scaled));
  set_gradient(b, {NAN});
  EXPECT_TRUE(std::isnan(optimizer.gradient_norm()));
  set_gradient(b, {INFINITY});
  EXPECT_TRUE(std::isinf(optimizer.gradient_norm()));
  optimizer.zero_grad();
  EXPECT_EQ(optimizer.gradient_norm(), 0);
}

// A rate far below what bfloat16 resolves still moves the weights, through their float32 masters.
TEST(AdamW, Bfloat16ParametersHaveFloat32Masters) {
  at::Tensor weight = parameter({1, 2, -3, 4}, {2, 2}, at::kBFloat16);
  AdamW optimizer({{"w", weight}}, {0.9, 0.99, 1e-8, 0.0});
  for (int i = 0; i < 100; ++i) {
    optimizer.zero_grad();
    set_gradient(weight, {1, -1, 1, -1});
    optimizer.step(1e-4);
  }
  std::vector<double> expected{0.99, 2.01, -3.01, 4.01};
  at::Tensor master;
  for (const auto& [name, tensor] : optimizer.state()) {
    if (name == "w.master") master = tensor;
  }
  ASSERT_TRUE(master.defined());
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(master.view({-1})[i].item<double>(), expected[static_cast<size_t>(i)], 5e-5);
  }
  EXPECT_TRUE(at::equal(weight, master.to(at::kBFloat16)));
}

// 1 + 256 * 2^-9: in bfloat16 each addend would be lost.
TEST(AdamW, GradientsOfMicroBatchesAddUpInFloat32) {
  at::Tensor weight = parameter({1, 1}, {2, 1}, at::kBFloat16);
  AdamW optimizer({{"w", weight}}, kOptions);
  optimizer.zero_grad();
  for (int i = 0; i < 257; ++i) {
    double value = i == 0 ? 1 : std::pow(2, -9);
    (weight * value).sum().backward();
    optimizer.accumulate();
  }
  EXPECT_NEAR(optimizer.gradient_norm(), std::sqrt(2) * 1.5, 1e-6);
}

// An expert that no token chooses has no gradient: it is decayed and its moments fade, whatever came before.
TEST(AdamW, AParameterWithoutAGradientHasGradientZero) {
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    at::Tensor weight = parameter({0.5, -1.0}, {1, 2}, dtype);
    AdamW optimizer({{"weight", weight}}, kOptions);
    optimizer.zero_grad();
    optimizer.step(0.01, 1);
    optimizer.zero_grad();
    set_gradient(weight, {0.25, 0});
    optimizer.step(0.01, 1);
    optimizer.zero_grad();
    optimizer.step(0.01, 1);
    const double tolerance = dtype == at::kFloat ? 1e-6 : 4e-3;
    EXPECT_NEAR(weight[0][0].item<double>(), by_hand(0.5, {0, 0.25, 0}, 0.1), tolerance);
    EXPECT_NEAR(weight[0][1].item<double>(), by_hand(-1, {0, 0, 0}, 0.1), tolerance);
  }
}

TEST(AdamW, StateGoesOnExactly) {
  auto gradient = [](int step) { return std::vector<double>{0.1 * step, -0.3, 1.0 / step, 0.7}; };
  at::Tensor whole = parameter({0.5, -1.0, 2.0, 0.25}, {2, 2});
  AdamW uninterrupted({{"w", whole}}, kOptions);
  at::Tensor half = parameter({0.5, -1.0, 2.0, 0.25}, {2, 2});
  std::map<std::string, at::Tensor> state;
  {
    AdamW first({{"w", half}}, kOptions);
    for (int step = 1; step <= 2; ++step) {
      set_gradient(half, gradient(step));
      first.step(0.01);
    }
    for (const auto& [name, tensor] : first.state()) state[name] = tensor.clone();
  }
  AdamW second({{"w", half}}, kOptions);
  second.load(Pieces({state.begin(), state.end()}), 2);
  for (int step = 1; step <= 4; ++step) {
    set_gradient(whole, gradient(step));
    uninterrupted.step(0.01);
    if (step <= 2) continue;
    set_gradient(half, gradient(step));
    second.step(0.01);
  }
  EXPECT_TRUE(at::equal(whole, half));
  EXPECT_EQ(second.steps(), 4);
}

TEST(AdamW, StateOfAnotherModelIsAnError) {
  at::Tensor weight = parameter({1, 2}, {2, 1});
  AdamW optimizer({{"w", weight}}, kOptions);
  auto error = [&](const std::map<std::string, at::Tensor>& state) {
    try {
      optimizer.load(Pieces({state.begin(), state.end()}), 1);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(error({}).find("has no w.first_moment"), std::string::npos);
  EXPECT_NE(error({{"w.first_moment", at::zeros({3, 1})}, {"w.second_moment", at::zeros({2, 1})}})
                .find("w.first_moment has size 3x1, expected 2x1"),
            std::string::npos);
}

}  // namespace
}  // namespace golong

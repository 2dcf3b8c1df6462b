// The update through buffers of the host gives the very numbers of the update in place.
#include "core/train/host_update.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/train/optimizer.h"

namespace golong {
namespace {

const AdamWOptions kOptions{0.9, 0.99, 1e-8, 0.1};
constexpr double kRate = 0.01, kScale = 0.5;

// Sizes below, at and above those of the pieces, which cut through rows.
const std::vector<std::vector<int64_t>> kShapes{{13, 7}, {1}, {8}, {2, 8}, {3, 5, 2}, {129}};

at::Tensor random(const std::vector<int64_t>& shape, at::ScalarType dtype) { return at::randn(shape).to(dtype); }

// What AdamW computes on the CPU, with its gradients and numbers.
struct InPlace {
  std::vector<std::pair<std::string, at::Tensor>> parameters;
  AdamW optimizer;

  static InPlace of(at::ScalarType dtype) {
    std::vector<std::pair<std::string, at::Tensor>> made;
    for (const std::vector<int64_t>& shape : kShapes) {
      made.emplace_back("p" + std::to_string(made.size()), random(shape, dtype).requires_grad_(true));
    }
    return {made, AdamW(made, kOptions)};
  }
};

AdamWNumbers numbers(int64_t dimensions, int step) {
  return {kRate,
          dimensions > 1 ? 0.1f : 0.f,
          0.9f,
          0.99f,
          1e-8f,
          static_cast<float>(1 - std::pow(0.9, step)),
          static_cast<float>(std::sqrt(1 - std::pow(0.99, step))),
          kScale};
}

// A "device" that is the CPU: copies are the same, nothing is waited for.
void expect_same_numbers(at::ScalarType dtype, int64_t piece) {
  at::manual_seed(5);
  InPlace expected = InPlace::of(dtype);
  std::vector<HostParameter> parameters;
  for (const auto& [name, tensor] : expected.parameters) {
    const at::Tensor zeros = at::zeros(tensor.sizes(), at::kFloat);
    parameters.push_back({tensor.detach().clone(),
                          {},
                          dtype == at::kFloat ? at::Tensor() : tensor.detach().to(at::kFloat),
                          zeros,
                          zeros.clone(),
                          {}});
  }
  HostUpdate update(piece);
  for (int step = 1; step <= 3; ++step) {
    expected.optimizer.zero_grad();
    for (size_t i = 0; i < parameters.size(); ++i) {
      at::Tensor tensor = expected.parameters[i].second;
      tensor.mutable_grad() = random(kShapes[i], dtype);
      parameters[i].gradient = tensor.grad().to(at::kFloat);
      parameters[i].numbers = numbers(tensor.dim(), step);
    }
    expected.optimizer.step(kRate, kScale);
    update.run(parameters);
    const auto state = expected.optimizer.state();
    const size_t each = dtype == at::kFloat ? 2 : 3;
    for (size_t i = 0; i < parameters.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "parameter " << i << ", step " << step << ", pieces of " << piece);
      ASSERT_TRUE(at::equal(parameters[i].weight, expected.parameters[i].second.detach()));
      ASSERT_TRUE(at::equal(parameters[i].first, state[each * i].second));
      ASSERT_TRUE(at::equal(parameters[i].second, state[each * i + 1].second));
      if (each == 3) {
        ASSERT_TRUE(at::equal(parameters[i].master, state[each * i + 2].second));
      }
    }
  }
}

TEST(HostUpdate, GivesTheNumbersOfTheUpdateInPlace) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t piece : {int64_t{1}, int64_t{7}, int64_t{8}, int64_t{100}, HostUpdate::kPiece}) {
      expect_same_numbers(dtype, piece);
    }
  }
}

TEST(HostUpdate, BuffersGrowWithTheParameters) {
  HostUpdate update;
  for (const int64_t size : {3, 5000, 20}) {
    const at::Tensor weight = at::ones({size}), moment = at::zeros({size});
    update.run({{weight, at::ones({size}), {}, moment, moment.clone(), numbers(1, 1)}});
    // A first step moves each weight by the rate.
    EXPECT_TRUE(at::allclose(weight, at::full({size}, 1 - kRate))) << size;
  }
  update.run({});
}

// A model on the CPU has everything there already.
TEST(HostUpdate, IsOfNoConcernToAModelOnTheCpu) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    at::Tensor there = at::linspace(-1, 1, 60).view({6, 10}).to(dtype), here = there.clone();
    there.requires_grad_(true);
    here.requires_grad_(true);
    AdamWOptions on_cpu = kOptions;
    on_cpu.on_cpu = true;
    AdamW plain({{"w", there}}, kOptions), other({{"w", here}}, on_cpu);
    for (int step = 0; step < 3; ++step) {
      plain.zero_grad();
      other.zero_grad();
      there.mutable_grad() = at::sin(there.detach());
      here.mutable_grad() = at::sin(here.detach());
      plain.step(kRate);
      other.step(kRate);
    }
    EXPECT_TRUE(at::equal(there, here));
    std::map<std::string, at::Tensor> saved;
    for (const auto& [name, tensor] : plain.state()) saved[name] = tensor;
    EXPECT_EQ(saved.size(), other.state().size());
    other.load(Pieces({saved.begin(), saved.end()}), plain.steps());  // a checkpoint of one opens in the other
    for (const auto& [name, tensor] : other.state()) EXPECT_TRUE(at::equal(tensor, saved.at(name))) << name;
  }
}

}  // namespace
}  // namespace golong

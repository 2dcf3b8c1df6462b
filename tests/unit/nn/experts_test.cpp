// Mixtures of experts against the same computed token by token, with their gradients.
#include "core/nn/experts.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace golong::nn {
namespace {

struct Mixture {
  at::Tensor x, router;
  Experts experts;
};

Mixture make(int64_t tokens, int64_t count) {
  at::manual_seed(5);
  const auto random = [&](at::IntArrayRef size) { return (0.4 * at::randn(size, at::kFloat)).requires_grad_(true); };
  Mixture m{random({tokens, 12}), random({count, 12}), Experts(count)};
  for (int64_t e = 0; e < count; ++e) {
    m.experts.add({{random({7, 12}), {}}, {random({7, 12}), {}}, {random({12, 7}), {}}});
  }
  return m;
}

at::Tensor by_token(const Mixture& m, int64_t per_token, bool normalize) {
  std::vector<at::Tensor> rows;
  for (int64_t t = 0; t < m.x.size(0); ++t) {
    const at::Tensor row = m.x[t];
    const at::Tensor probability = at::softmax(at::matmul(m.router, row).to(at::kFloat), 0);
    const auto [weights, chosen] = at::topk(probability, per_token);
    const at::Tensor shares = normalize ? weights / weights.sum() : weights;
    at::Tensor sum = at::zeros_like(row);
    for (int64_t k = 0; k < per_token; ++k) {
      const Mlp& expert = m.experts.each()[static_cast<size_t>(chosen[k].item<int64_t>())];
      const at::Tensor gate = at::matmul(expert.gate.weight, row), up = at::matmul(expert.up.weight, row);
      sum = sum + shares[k] * at::matmul(expert.down.weight, gate * at::sigmoid(gate) * up);
    }
    rows.push_back(sum);
  }
  return at::stack(rows);
}

TEST(MixExperts, IsTheWeightedSumOfTheChosenExpertsWithItsGradients) {
  for (bool normalize : {true, false}) {
    for (const auto& [tokens, count, per_token] : {std::tuple{37, 5, 2}, {3, 8, 3}, {1, 4, 4}, {20, 3, 1}}) {
      Mixture ours = make(tokens, count), plain = make(tokens, count);
      const at::Tensor a = mix_experts(ours.x, {ours.router, {}}, ours.experts, per_token, normalize);
      const at::Tensor b = by_token(plain, per_token, normalize);
      const auto difference = [](const at::Tensor& got, const at::Tensor& expected) {
        return (got - expected).abs().max().item<double>() / (1 + expected.abs().max().item<double>());
      };
      EXPECT_LT(difference(a, b), 2e-6);
      a.square().sum().backward();
      b.square().sum().backward();
      const auto expect_same = [&](const at::Tensor& x, const at::Tensor& y) {
        ASSERT_EQ(x.grad().defined(), y.grad().defined());
        if (!x.grad().defined()) return;
        EXPECT_LT(difference(x.grad(), y.grad()), 1e-5);
      };
      expect_same(ours.x, plain.x);
      expect_same(ours.router, plain.router);
      for (size_t e = 0; e < ours.experts.each().size(); ++e) {
        expect_same(ours.experts.each()[e].gate.weight, plain.experts.each()[e].gate.weight);
        expect_same(ours.experts.each()[e].up.weight, plain.experts.each()[e].up.weight);
        expect_same(ours.experts.each()[e].down.weight, plain.experts.each()[e].down.weight);
      }
    }
  }
}

}  // namespace
}  // namespace golong::nn

#include "core/nn/logprob.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include "tests/unit/live_bytes.h"

namespace golong::nn {
namespace {

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>() / (1 + b.abs().max().item<double>());
}

struct Case {
  int64_t tokens, channels, vocabulary;
  LogprobTile tile;
  double temperature;
};

class Logprob : public ::testing::TestWithParam<Case> {};

TEST_P(Logprob, EqualsLogSoftmaxWithItsGradients) {
  const Case& c = GetParam();
  at::Generator generator = at::detail::createCPUGenerator(1);
  at::Tensor hidden = at::empty({c.tokens, c.channels}, at::kDouble).normal_(0, 1, generator);
  at::Tensor head = at::empty({c.vocabulary, c.channels}, at::kDouble).normal_(0, 1, generator);
  at::Tensor targets = at::empty({c.tokens}, at::kLong).random_(0, c.vocabulary, generator);
  at::Tensor grad = at::empty({c.tokens}, at::kDouble).normal_(0, 1, generator);

  at::Tensor h = hidden.clone().requires_grad_(true), w = head.clone().requires_grad_(true);
  at::Tensor all = at::log_softmax(at::matmul(h, w.t()) / c.temperature, 1);
  at::Tensor expected = all.gather(1, targets.unsqueeze(1)).squeeze(1);
  at::Tensor entropy = -(all.exp() * all).sum(1);
  expected.backward(grad);

  at::Tensor h1 = hidden.to(at::kFloat).requires_grad_(true), w1 = head.to(at::kFloat).requires_grad_(true);
  TokenLogprobs result = token_logprobs(h1, w1, targets, c.temperature, c.tile);
  EXPECT_EQ(result.logprobs.scalar_type(), at::kFloat);
  EXPECT_LT(difference(result.logprobs, expected), 1e-5);
  EXPECT_LT(difference(result.entropy, entropy), 1e-5);
  result.logprobs.backward(grad.to(at::kFloat));
  EXPECT_LT(difference(h1.grad(), h.grad()), 1e-5);
  EXPECT_LT(difference(w1.grad(), w.grad()), 1e-5);

  // The entropy's gradient, alone and together with the other.
  for (double share : {0.0, 0.7}) {
    at::Tensor x = hidden.clone().requires_grad_(true), y = head.clone().requires_grad_(true);
    at::Tensor each = at::log_softmax(at::matmul(x, y.t()) / c.temperature, 1);
    at::Tensor chosen = each.gather(1, targets.unsqueeze(1)).squeeze(1);
    ((-(each.exp() * each).sum(1) + share * chosen) * grad).sum().backward();
    at::Tensor x1 = hidden.to(at::kFloat).requires_grad_(true), y1 = head.to(at::kFloat).requires_grad_(true);
    TokenLogprobs both = token_logprobs(x1, y1, targets, c.temperature, c.tile);
    ((both.entropy + share * both.logprobs) * grad.to(at::kFloat)).sum().backward();
    EXPECT_LT(difference(x1.grad(), x.grad()), 1e-5) << share;
    EXPECT_LT(difference(y1.grad(), y.grad()), 1e-5) << share;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Logprob,
                         ::testing::Values(Case{1, 8, 5, {1024, 2}, 1.0}, Case{7, 16, 33, {3, 13}, 1.0},
                                           Case{8, 16, 33, {4, 13}, 0.7}, Case{50, 24, 300, {7, 120}, 1.3},
                                           Case{5, 4, 1, {2, 1}, 1.0}, Case{5, 8, 2500, {2, 1000}, 0.7},
                                           Case{3, 8, 2048, {2, 819}, 1.0}));

TEST(LogprobOptions, ATargetOutsideTheVocabularyIsRefused) {
  at::Tensor hidden = at::zeros({1, 2}), head = at::zeros({3, 2});
  EXPECT_THROW(token_logprobs(hidden, head, at::tensor({3}, at::kLong)), c10::Error);
  EXPECT_THROW(token_logprobs(hidden, head, at::tensor({-1}, at::kLong)), c10::Error);
}

// Beside the gradients, and a few numbers of each token.
TEST(LogprobOptions, MemoryGrowsNeitherWithTokensNorWithTheVocabulary) {
  constexpr int64_t width = 4, tile = 4 * kCpuTile.tokens * kCpuTile.vocabulary;
  for (const int64_t vocabulary : {8192, 151936}) {
    for (const int64_t tokens : {2048, 3000}) {
      at::Tensor hidden = at::randn({tokens, width}).requires_grad_(true);
      at::Tensor head = at::randn({vocabulary, width}).requires_grad_(true);
      const at::Tensor targets = at::randint(vocabulary, {tokens}, at::kLong);
      const LiveBytes bytes;
      token_logprobs(hidden, head, targets).logprobs.sum().backward();
      const int64_t gradients = static_cast<int64_t>(hidden.nbytes() + head.nbytes()), of_tokens = 200 * tokens,
                    part = 4 * kCpuTile.vocabulary * width;
      EXPECT_LT(bytes.peak() - gradients, tile + part + of_tokens) << tokens << " of " << vocabulary;
      EXPECT_GT(bytes.peak(), tile);  // it is counted
    }
  }
}

// One of the two gradients is enough, e.g. a frozen head.
TEST(LogprobOptions, OnlyWhatNeedsAGradientGetsOne) {
  at::Generator generator = at::detail::createCPUGenerator(2);
  at::Tensor hidden = at::empty({6, 8}).normal_(0, 1, generator), head = at::empty({11, 8}).normal_(0, 1, generator);
  at::Tensor targets = at::tensor({0, 1, 2, 10, 9, 8}, at::kLong);
  at::Tensor both_h = hidden.clone().requires_grad_(true), both_w = head.clone().requires_grad_(true);
  token_logprobs(both_h, both_w, targets, 1.0, {4, 5}).logprobs.sum().backward();
  at::Tensor only_h = hidden.clone().requires_grad_(true);
  token_logprobs(only_h, head, targets, 1.0, {4, 5}).logprobs.sum().backward();
  EXPECT_TRUE(at::equal(only_h.grad(), both_h.grad()));
  at::Tensor only_w = head.clone().requires_grad_(true);
  token_logprobs(hidden, only_w, targets, 1.0, {4, 5}).logprobs.sum().backward();
  EXPECT_TRUE(at::equal(only_w.grad(), both_w.grad()));
}

// The tile that the forward pass leaves is used up by the first backward pass.
TEST(LogprobOptions, TheBackwardPassCanRunTwice) {
  at::Generator generator = at::detail::createCPUGenerator(4);
  at::Tensor hidden = at::empty({6, 8}).normal_(0, 1, generator).requires_grad_(true);
  at::Tensor head = at::empty({11, 8}).normal_(0, 1, generator).requires_grad_(true);
  const at::Tensor sum = token_logprobs(hidden, head, at::arange(6), 1.0, {4, 5}).logprobs.sum();
  sum.backward({}, /*retain_graph=*/true);
  const at::Tensor to_hidden = hidden.grad().clone(), to_head = head.grad().clone();
  sum.backward();
  EXPECT_LT(difference(hidden.grad(), 2 * to_hidden), 1e-6);
  EXPECT_LT(difference(head.grad(), 2 * to_head), 1e-6);
}

TEST(LogprobOptions, NoTokensGiveNoGradient) {
  at::Tensor hidden = at::zeros({0, 4}).requires_grad_(true), head = at::ones({3, 4}).requires_grad_(true);
  token_logprobs(hidden, head, at::empty({0}, at::kLong)).logprobs.sum().backward();
  EXPECT_EQ(head.grad().abs().sum().item<float>(), 0);
}

TEST(LogprobOptions, HugeLogitsStayFinite) {
  at::Tensor hidden = at::full({2, 1}, 1e4f), head = at::tensor({1.0f, -1.0f, 0.0f}).unsqueeze(1);
  TokenLogprobs result = token_logprobs(hidden, head, at::tensor({0, 1}, at::kLong));
  EXPECT_FLOAT_EQ(result.logprobs[0].item<float>(), 0);
  EXPECT_FLOAT_EQ(result.logprobs[1].item<float>(), -2e4f);
  EXPECT_FLOAT_EQ(result.entropy[0].item<float>(), 0);
}

TEST(LogprobOptions, TheEntropysGradientStaysFiniteWhereATokenIsImpossible) {
  at::Tensor hidden = at::full({1, 1}, 1e4f).requires_grad_(true), head = at::tensor({1.0f, -1.0f, 0.0f}).unsqueeze(1);
  token_logprobs(hidden, head, at::tensor({0}, at::kLong)).entropy.sum().backward();
  EXPECT_EQ(hidden.grad().item<float>(), 0);
}

TEST(LogprobOptions, Bfloat16HeadAccumulatesInFloat) {
  at::Generator generator = at::detail::createCPUGenerator(3);
  at::Tensor hidden = at::empty({512, 16}).normal_(0, 1, generator).to(at::kBFloat16);
  at::Tensor head = at::empty({40, 16}).normal_(0, 1, generator).to(at::kBFloat16);
  at::Tensor targets = at::empty({512}, at::kLong).random_(0, 40, generator);
  at::Tensor one = head.clone().requires_grad_(true), many = head.clone().requires_grad_(true);
  token_logprobs(hidden, one, targets, 1.0, {512, 40}).logprobs.sum().backward();
  token_logprobs(hidden, many, targets, 1.0, {8, 16}).logprobs.sum().backward();
  EXPECT_LT(difference(many.grad(), one.grad()), 1e-2);
}

}  // namespace
}  // namespace golong::nn

// The table's gradient against autograd's own, and the memory that it takes.
#include "core/nn/embedding.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/nn/logprob.h"
#include "tests/unit/live_bytes.h"

namespace golong::nn {
namespace {

at::Tensor random(at::IntArrayRef size, at::ScalarType dtype = at::kFloat) { return at::randn(size).to(dtype); }

TEST(Embedding, GradientIsThatOfAutogradAndIsAdded) {
  at::manual_seed(3);
  const at::Tensor ids = at::tensor({5, 1, 5, 0, 5, 1}, at::kLong), grad = random({6, 4});
  at::Tensor table = random({8, 4}).requires_grad_(true), plain = table.detach().clone().requires_grad_(true);
  EXPECT_TRUE(at::equal(nn::embedding(table, ids), at::embedding(plain, ids)));
  for (int i = 0; i < 2; ++i) {
    nn::embedding(table, ids).backward(grad);
    at::embedding(plain, ids).backward(grad);
    EXPECT_TRUE(at::equal(table.grad(), plain.grad())) << i;
  }
}

TEST(Embedding, GradientOfWhatIsNoLeafGoesOn) {
  at::manual_seed(4);
  const at::Tensor ids = at::tensor({2, 2, 0}, at::kLong), grad = random({3, 4});
  at::Tensor table = random({5, 4}).requires_grad_(true), plain = table.detach().clone().requires_grad_(true);
  nn::embedding(table * 3, ids).backward(grad);
  at::embedding(plain * 3, ids).backward(grad);
  EXPECT_TRUE(at::equal(table.grad(), plain.grad()));
}

// In bfloat16 a sum of 1 and many 1/256 would stay 1 where each is added by itself.
TEST(Embedding, RowsOfOneTokenAreAddedUpInFloat32) {
  at::Tensor table = at::zeros({2, 1}, at::kBFloat16).requires_grad_(true);
  at::Tensor grad = at::full({257, 1}, 1.0 / 256, at::kBFloat16);
  grad[0] = 1;
  nn::embedding(table, at::zeros({257}, at::kLong)).backward(grad);
  EXPECT_EQ(table.grad()[0].item<float>(), 2);
}

// Of a tied table both gradients go into one buffer: no second one of its size is made.
TEST(Embedding, ATiedTableHasOneGradient) {
  at::manual_seed(5);
  at::Tensor table = random({50000, 16}).requires_grad_(true), plain = table.detach().clone().requires_grad_(true);
  const at::Tensor ids = at::randint(0, 50000, {32}, at::kLong), targets = at::randint(0, 50000, {32}, at::kLong);
  table.mutable_grad() = at::zeros_like(table);
  {
    const LiveBytes bytes;
    token_logprobs(nn::embedding(table, ids), table, targets, 1, {32, 1024}).logprobs.sum().backward();
    EXPECT_LT(bytes.peak(), static_cast<int64_t>(table.nbytes()) / 4);
  }
  at::log_softmax(at::matmul(at::embedding(plain, ids), plain.t()), 1).gather(1, targets.unsqueeze(1)).sum().backward();
  EXPECT_LT((table.grad() - plain.grad()).abs().max().item<float>(), 1e-4 * plain.grad().abs().max().item<float>());
}

}  // namespace
}  // namespace golong::nn

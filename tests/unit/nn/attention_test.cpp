// Attention as merged segments against a plain masked softmax over the whole packed sequence, forward and backward.
#include "core/nn/attention.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "core/nn/segment.h"

namespace golong::nn {
namespace {

struct Inputs {
  at::Tensor q, k, v, grad;  // float64, [T, H, D], [T, Hkv, D], [T, Hkv, D], [T, H, D]
};

Inputs make_inputs(int64_t tokens, int64_t heads, int64_t kv_heads, int64_t head_dim, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  auto make = [&](int64_t h) { return at::empty({tokens, h, head_dim}, at::kDouble).normal_(0, 1.5, generator); };
  return {make(heads), make(kv_heads), make(kv_heads), make(heads)};
}

// allowed[i][j]: token i sees token j. Written from the definition, token by token.
at::Tensor allowed(const std::vector<GroupLayout>& groups) {
  struct Place {
    int64_t group, response;  // response -1: the prompt
  };
  std::vector<Place> places;
  for (size_t g = 0; g < groups.size(); ++g) {
    places.insert(places.end(), groups[g].prompt, Place{static_cast<int64_t>(g), -1});
    for (size_t r = 0; r < groups[g].responses.size(); ++r) {
      places.insert(places.end(), groups[g].responses[r], Place{static_cast<int64_t>(g), static_cast<int64_t>(r)});
    }
  }
  int64_t tokens = static_cast<int64_t>(places.size());
  at::Tensor mask = at::zeros({tokens, tokens}, at::kBool);
  auto set = mask.accessor<bool, 2>();
  for (int64_t i = 0; i < tokens; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      bool same_group = places[i].group == places[j].group;
      set[i][j] = same_group && (places[j].response == -1 || places[j].response == places[i].response);
    }
  }
  return mask;
}

at::Tensor plain(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask, double scale) {
  int64_t share = q.size(1) / k.size(1);
  at::Tensor keys = k.repeat_interleave(share, 1).transpose(0, 1),
             values = v.repeat_interleave(share, 1).transpose(0, 1);
  at::Tensor scores = at::matmul(q.transpose(0, 1), keys.transpose(1, 2)) * scale;
  scores = scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1), values).transpose(0, 1);
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>() / (1 + b.abs().max().item<double>());
}

void compare(const std::vector<GroupLayout>& groups, int64_t heads, int64_t kv_heads, int64_t head_dim,
             at::ScalarType dtype, double tolerance, uint64_t seed) {
  int64_t tokens = 0;
  std::string name = "seed " + std::to_string(seed) + " heads " + std::to_string(heads) + "/" +
                     std::to_string(kv_heads) + " dim " + std::to_string(head_dim);
  for (const GroupLayout& group : groups) {
    tokens += group.tokens();
    name += " | " + std::to_string(group.prompt);
    for (int64_t length : group.responses) name += " " + std::to_string(length);
  }
  SCOPED_TRACE(name);
  Inputs in = make_inputs(tokens, heads, kv_heads, head_dim, seed);
  // The reference sees the rounded values too: what is compared is the computation.
  auto leaf = [&](const at::Tensor& x, at::ScalarType type) { return x.to(dtype).to(type).requires_grad_(true); };
  double scale = 1 / std::sqrt(static_cast<double>(head_dim));
  at::Tensor q = leaf(in.q, at::kDouble), k = leaf(in.k, at::kDouble), v = leaf(in.v, at::kDouble);
  at::Tensor expected = plain(q, k, v, allowed(groups), scale);
  expected.backward(in.grad);
  at::Tensor q1 = leaf(in.q, dtype), k1 = leaf(in.k, dtype), v1 = leaf(in.v, dtype);
  at::Tensor out = group_attention(q1, k1, v1, groups, scale);
  ASSERT_EQ(out.sizes(), expected.sizes());
  EXPECT_LT(difference(out, expected), tolerance);
  out.backward(in.grad.to(dtype));
  EXPECT_LT(difference(q1.grad(), q.grad()), tolerance) << "gradient of q";
  EXPECT_LT(difference(k1.grad(), k.grad()), tolerance) << "gradient of k";
  EXPECT_LT(difference(v1.grad(), v.grad()), tolerance) << "gradient of v";
}

std::vector<GroupLayout> random_groups(std::mt19937_64& random) {
  auto below = [&](int64_t limit) { return static_cast<int64_t>(random() % limit); };
  std::vector<GroupLayout> groups(1 + below(3));
  for (GroupLayout& group : groups) {
    group.prompt = 1 + below(below(2) ? 60 : 5);
    group.responses.resize(below(6));
    for (int64_t& length : group.responses) length = below(3) ? below(24) : 0;
  }
  return groups;
}

TEST(GroupAttention, EqualsAPlainMaskedSoftmaxOnRandomLayouts) {
  std::mt19937_64 random(5);
  constexpr int64_t kHeads[][2] = {{1, 1}, {4, 4}, {6, 3}, {8, 2}, {5, 1}};
  for (uint64_t seed = 0; seed < 60; ++seed) {
    auto [heads, kv_heads] = kHeads[random() % 5];
    int64_t head_dim = std::array<int64_t, 4>{8, 16, 32, 20}[random() % 4];
    std::vector<GroupLayout> groups = random_groups(random);
    compare(groups, heads, kv_heads, head_dim, at::kFloat, 3e-6, seed);
    compare(groups, heads, kv_heads, head_dim, at::kDouble, 1e-12, seed);
  }
}

TEST(GroupAttention, SpecialLayouts) {
  const std::vector<std::vector<GroupLayout>> cases = {
      {{1, {}}},                            // a single token
      {{7, {0, 0}}},                        // only empty responses
      {{1, {1}}},                           //
      {{40, {33}}},                         // one response
      {{3, {200, 1, 1}}},                   // very unequal lengths
      {{5, {0, 4, 0}}, {2, {}}, {9, {4}}},  // mixed
      {{600, {40, 38, 3}}},                 // several blocks of keys
  };
  for (const auto& groups : cases) compare(groups, 4, 2, 16, at::kFloat, 3e-6, 1);
}

// More places than one padded batch takes.
TEST(GroupAttention, ManyResponsesOfVeryDifferentLengths) {
  GroupLayout group{17, {}};
  for (int64_t i = 0; i < 40; ++i) group.responses.push_back(i * i % 151);
  compare({group, {4, {700, 650, 2}}}, 2, 1, 8, at::kFloat, 3e-6, 2);
}

TEST(GroupAttention, Bfloat16IsWithinItsRounding) {
  compare({{50, {20, 7, 0}}, {9, {3}}}, 6, 3, 32, at::kBFloat16, 2e-2, 3);
}

TEST(GroupAttention, ScoresFarApartStayFinite) {
  std::vector<GroupLayout> groups{{6, {4, 2}}};
  Inputs in = make_inputs(12, 2, 1, 8, 4);
  at::Tensor q = (in.q * 300).to(at::kFloat), k = (in.k * 300).to(at::kFloat), v = in.v.to(at::kFloat);
  at::Tensor out = group_attention(q, k, v, groups, 1.0);
  EXPECT_TRUE(out.isfinite().all().item<bool>());
  at::Tensor expected = plain(q.to(at::kDouble), k.to(at::kDouble), in.v, allowed(groups), 1.0);
  EXPECT_LT(difference(out, expected), 1e-5);
}

TEST(Segment, ReturnsTheLogSumExpAndTakesBatches) {
  at::Generator generator = at::detail::createCPUGenerator(6);
  at::Tensor q = at::empty({2, 4, 5, 16}).normal_(0, 1, generator);
  at::Tensor k = at::empty({2, 2, 9, 16}).normal_(0, 1, generator),
             v = at::empty({2, 2, 9, 16}).normal_(0, 1, generator);
  for (bool causal : {false, true}) {
    at::Tensor scores = at::matmul(q.to(at::kDouble), k.repeat_interleave(2, 1).to(at::kDouble).transpose(2, 3)) * 0.3;
    if (causal) {
      at::Tensor hidden = at::ones({5, 9}, at::kBool).triu(1);
      scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
    }
    for (at::ScalarType dtype : {at::kFloat, at::kDouble}) {
      Partial partial = segment_forward(q.to(dtype), k.to(dtype), v.to(dtype), causal, 0.3);
      EXPECT_LT(difference(partial.lse, at::logsumexp(scores, {-1})), 2e-6);
      at::Tensor values = v.repeat_interleave(2, 1).to(at::kDouble);
      EXPECT_LT(difference(partial.out, at::matmul(at::softmax(scores, -1), values)), 2e-6);
    }
  }
}

}  // namespace
}  // namespace golong::nn

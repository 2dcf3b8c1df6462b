// Attention that is shared by context ranks against the same attention in one process, forward and backward.
#include "core/nn/context_attention.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "core/base/error.h"
#include "core/nn/attention.h"
#include "core/nn/shared_rows.h"
#include "tests/unit/error_message.h"
#include "tests/unit/ranks.h"

namespace golong::nn {
namespace {

using parallel::on_ranks;
using parallel::World;

constexpr int64_t kHeads = 8, kKvHeads = 4, kDim = 16;

Context context_of(World& world, ContextMethod method) {
  std::vector<int64_t> ranks(static_cast<size_t>(world.rank().size));
  std::iota(ranks.begin(), ranks.end(), int64_t{0});
  return {world.group(ranks, "context ranks"), method};
}

// Groups as one process packs them, with their responses in the order of the ranks that compute them.
struct Case {
  std::vector<ContextLayout> layouts;
  std::vector<GroupLayout> whole;
  int64_t tokens = 0;

  Case(const std::vector<GroupLayout>& groups, int64_t ranks) {
    for (size_t g = 0; g < groups.size(); ++g) {
      ContextLayout layout{groups[g].prompt, {}};
      GroupLayout ordered{groups[g].prompt, {}};
      for (const auto& dealt : deal_responses(groups[g].responses, ranks, static_cast<int64_t>(g))) {
        layout.responses.emplace_back();
        for (const size_t response : dealt) {
          layout.responses.back().push_back(groups[g].responses[response]);
          ordered.responses.push_back(groups[g].responses[response]);
        }
      }
      tokens += ordered.tokens();
      layouts.push_back(std::move(layout));
      whole.push_back(std::move(ordered));
    }
  }

  // The rows of a rank in the whole: its prompt chunks, its responses.
  at::Tensor rows_of(int64_t rank, int64_t ranks, bool prompts, bool responses) const {
    std::vector<int64_t> rows;
    int64_t start = 0;
    const auto add = [&](int64_t first, int64_t count) {
      for (int64_t i = 0; i < count; ++i) rows.push_back(first + i);
    };
    for (const ContextLayout& layout : layouts) {
      for (const Chunk& chunk : prompt_chunks(layout.prompt, rank, ranks)) {
        if (prompts) add(start + chunk.start, chunk.tokens);
      }
      start += layout.prompt;
      for (int64_t other = 0; other < ranks; ++other) {
        if (responses && other == rank) add(start, layout.response_tokens(other));
        start += layout.response_tokens(other);
      }
    }
    return at::tensor(rows, at::kLong);
  }
};

double difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return INFINITY;
  if (a.numel() == 0) return 0;
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>() /
         (1 + b.to(at::kDouble).abs().max().item<double>());
}

// The whole computation, which every rank does for itself.
struct Whole {
  at::Tensor q, k, v, grad, out;

  Whole(const Case& c, at::ScalarType type, uint64_t seed) {
    at::Generator generator = at::detail::createCPUGenerator(seed);
    const auto make = [&](int64_t heads) {
      return at::empty({c.tokens, heads, kDim}, at::kDouble).normal_(0, 1.5, generator).to(type);
    };
    q = make(kHeads).requires_grad_(), k = make(kKvHeads).requires_grad_(), v = make(kKvHeads).requires_grad_();
    grad = make(kHeads);
    out = group_attention(q, k, v, c.whole, 0.25);
    out.backward(grad);
  }
};

at::Tensor leaf(const at::Tensor& x, const at::Tensor& rows) {
  return x.detach().index_select(0, rows).requires_grad_();
}

void compare(const Case& c, const Context& context, at::ScalarType type, double tolerance) {
  const int64_t rank = context.rank(), ranks = context.size();
  const Whole whole(c, type, 5);
  {
    const at::Tensor rows = c.rows_of(rank, ranks, true, true);
    const at::Tensor q = leaf(whole.q, rows), k = leaf(whole.k, rows), v = leaf(whole.v, rows);
    const ContextAttention attention(c.layouts, context, ContextAttention::Prompts::in_rows, at::kCPU);
    const at::Tensor out = attention(q, k, v, 0.25);
    EXPECT_LT(difference(out, whole.out.index_select(0, rows)), tolerance);
    out.backward(whole.grad.index_select(0, rows));
    EXPECT_LT(difference(q.grad(), whole.q.grad().index_select(0, rows)), tolerance) << "gradient of q";
    EXPECT_LT(difference(k.grad(), whole.k.grad().index_select(0, rows)), tolerance) << "gradient of k";
    EXPECT_LT(difference(v.grad(), whole.v.grad().index_select(0, rows)), tolerance) << "gradient of v";
  }
  if (c.layouts.size() > 1) return;
  // The responses behind prompts that are kept: gradients of prompts are those of the whole less the prompts' own.
  const at::Tensor rows = c.rows_of(rank, ranks, false, true), own = c.rows_of(rank, ranks, true, false);
  const at::Tensor q = leaf(whole.q, rows), k = leaf(whole.k, rows), v = leaf(whole.v, rows),
                   prompt_k = leaf(whole.k, own), prompt_v = leaf(whole.v, own);
  const ContextAttention attention(c.layouts, context, ContextAttention::Prompts::kept, at::kCPU);
  const at::Tensor out = attention(q, k, v, prompt_k, prompt_v, 0.25);
  EXPECT_LT(difference(out, whole.out.index_select(0, rows)), tolerance);
  out.backward(whole.grad.index_select(0, rows));
  EXPECT_LT(difference(q.grad(), whole.q.grad().index_select(0, rows)), tolerance) << "gradient of q";
  EXPECT_LT(difference(k.grad(), whole.k.grad().index_select(0, rows)), tolerance) << "gradient of k";
  EXPECT_LT(difference(v.grad(), whole.v.grad().index_select(0, rows)), tolerance) << "gradient of v";
  const at::Tensor alone_q = whole.q.detach().requires_grad_(), alone_k = whole.k.detach().requires_grad_(),
                   alone_v = whole.v.detach().requires_grad_();
  at::Tensor grad = whole.grad.clone();
  const int64_t prompt = c.whole.empty() ? 0 : c.whole[0].prompt;
  grad.narrow(0, 0, prompt).zero_();
  group_attention(alone_q, alone_k, alone_v, c.whole, 0.25).backward(grad);
  EXPECT_LT(difference(prompt_k.grad(), alone_k.grad().index_select(0, own)), tolerance) << "gradient of kept k";
  EXPECT_LT(difference(prompt_v.grad(), alone_v.grad().index_select(0, own)), tolerance) << "gradient of kept v";
}

std::vector<std::vector<GroupLayout>> layouts() {
  std::vector<std::vector<GroupLayout>> cases = {
      {},                                             // no group at all
      {{1, {}}},                                      // a prompt of one token, no response
      {{3, {2}}},                                     // fewer tokens than chunks, fewer responses than ranks
      {{150, {40, 3, 0, 17, 9}}},                     // one group
      {{40, {0, 0}}},                                 // responses without tokens
      {{61, {5, 33}}, {2, {7}}, {97, {1, 1, 1, 20}}}  // several in one gather
  };
  std::mt19937_64 random(7);
  const auto below = [&](int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); };
  for (int i = 0; i < 12; ++i) {
    std::vector<GroupLayout> groups(static_cast<size_t>(1 + below(3)));
    for (GroupLayout& group : groups) {
      group.prompt = 1 + below(below(2) ? 80 : 6);
      group.responses.resize(static_cast<size_t>(below(6)));
      for (int64_t& length : group.responses) length = below(4) ? below(30) : 0;
    }
    cases.push_back(groups);
  }
  return cases;
}

class ContextAttentionOn : public ::testing::TestWithParam<std::tuple<int64_t, ContextMethod>> {};

TEST_P(ContextAttentionOn, RanksIsThatOfOneProcess) {
  const auto [ranks, method] = GetParam();
  on_ranks(ranks, [method = method](World& world) {
    const Context context = context_of(world, method);
    for (const std::vector<GroupLayout>& groups : layouts()) {
      std::string name;
      for (const GroupLayout& group : groups) {
        name += " | " + std::to_string(group.prompt);
        for (const int64_t length : group.responses) name += " " + std::to_string(length);
      }
      SCOPED_TRACE("rank " + std::to_string(context.rank()) + name);
      const Case c(groups, context.size());
      compare(c, context, at::kFloat, 3e-6);
      compare(c, context, at::kDouble, 1e-12);
      compare(c, context, at::kBFloat16, 3e-2);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, ContextAttentionOn,
                         ::testing::Combine(::testing::Values(2, 4),
                                            ::testing::Values(ContextMethod::gather, ContextMethod::heads)));

TEST(ContextAttention, SendsKeysAndValuesOfPromptsTwice) {
  on_ranks(2, [](World& world) {
    const Context context = context_of(world, ContextMethod::gather);
    const Case c({{100, {10, 20}}}, 2);
    const Whole whole(c, at::kBFloat16, 5);
    const at::Tensor rows = c.rows_of(context.rank(), 2, true, true);
    const at::Tensor q = leaf(whole.q, rows), k = leaf(whole.k, rows), v = leaf(whole.v, rows);
    const ContextAttention attention(c.layouts, context, ContextAttention::Prompts::in_rows, at::kCPU);
    const int64_t before = world.traffic().bytes_sent, numbers = 50 * 2 * kKvHeads * kDim;
    const at::Tensor out = attention(q, k, v, 0.25);
    EXPECT_EQ(world.traffic().bytes_sent - before, 2 * numbers);
    out.backward(whole.grad.index_select(0, rows));
    EXPECT_EQ(world.traffic().bytes_sent - before, 2 * numbers + 2 * numbers + 4 * numbers);  // gradients in float32
  });
}

TEST(ContextAttention, SaysWhenHeadsCannotBeSharedOut) {
  on_ranks(2, [](World& world) {
    const std::string message = error_message([&] {
      const ContextAttention attention({{4, {{1}, {1}}}}, context_of(world, ContextMethod::heads),
                                       ContextAttention::Prompts::in_rows, at::kCPU);
      attention(at::zeros({3, 6, 8}), at::zeros({3, 3, 8}), at::zeros({3, 3, 8}), 1);
    });
    EXPECT_NE(message.find("3 kv heads"), std::string::npos) << message;
    EXPECT_NE(message.find("parallel.context_method"), std::string::npos) << message;
  });
  EXPECT_EQ(parse_context_method("gather"), ContextMethod::gather);
  EXPECT_EQ(parse_context_method("heads"), ContextMethod::heads);
  EXPECT_NE(error_message([] { parse_context_method("ring"); }).find("ring"), std::string::npos);
}

TEST(SharedRows, AreRankZerosAndTheirGradientIsTheSum) {
  on_ranks(3, [](World& world) {
    const Context context = context_of(world, ContextMethod::gather);
    const int64_t rank = context.rank(), rows = rank == 0 ? 4 : rank - 1;  // rank 1 has none
    const at::Tensor x = (at::arange(2 * rows, at::kFloat).view({rows, 2}) + 100 * rank).requires_grad_();
    const at::Tensor shared = shared_rows(x, at::tensor({3, 1, 3}, at::kLong), context.ranks);
    EXPECT_TRUE(shared.equal(at::tensor({6.f, 7.f, 2.f, 3.f, 6.f, 7.f}).view({3, 2})));
    shared.backward(at::full({3, 2}, static_cast<double>(rank + 1)));
    const at::Tensor expected = at::zeros({rows, 2});
    if (rank == 0) {
      expected.select(0, 3).fill_(12);
      expected.select(0, 1).fill_(6);
    }
    EXPECT_TRUE(x.grad().equal(expected));
    EXPECT_EQ(shared_rows(x, at::empty({0}, at::kLong), context.ranks).size(0), 0);
  });
}

}  // namespace
}  // namespace golong::nn

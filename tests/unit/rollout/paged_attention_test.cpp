// Decode attention over pages against the definition, for each instruction set of the machine.
#include "core/rollout/paged_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "core/rollout/page_kernel.h"

namespace golong {
namespace {

TEST(VisitPage, EachInstructionSetComputesTheDefinition) {
  for (auto* version : visit_page_versions()) {
    for (int64_t head_dim : {8, 16, 32, 48, 128}) {
      for (int64_t valid : {1, 17, 32, 63, 64}) {
        const int64_t stride = (head_dim + 15) / 16 * 16, count = 7;
        RandomSequence random(random_key({static_cast<uint64_t>(head_dim), static_cast<uint64_t>(valid)}));
        auto fill = [&](int64_t size) {
          std::vector<float> values(size);
          for (float& x : values) x = static_cast<float>(2 * random.uniform() - 1);
          return values;
        };
        std::vector<float> query = fill(count * stride), keys = fill(head_dim * kPageTokens),
                           values = fill(kPageTokens * stride), result(count * stride, 0.f), sum(count, 0.f),
                           highest(count, -std::numeric_limits<float>::infinity());
        // The same page twice: what was gathered before has to shrink or stay.
        for (int visit = 0; visit < 2; ++visit) {
          version(query.data(), count, stride, head_dim, keys.data(), values.data(), valid,
                  {result.data(), highest.data(), sum.data()});
        }
        for (int64_t n = 0; n < count; ++n) {
          std::vector<double> expected(head_dim, 0);
          double total = 0;
          for (int64_t j = 0; j < valid; ++j) {
            double score = 0;
            for (int64_t d = 0; d < head_dim; ++d) score += double(query[n * stride + d]) * keys[d * kPageTokens + j];
            double weight = std::exp(score);
            total += weight;
            for (int64_t d = 0; d < head_dim; ++d) expected[d] += weight * values[j * stride + d];
          }
          for (int64_t d = 0; d < head_dim; ++d) {
            ASSERT_NEAR(result[n * stride + d] / sum[n], expected[d] / total, 2e-6)
                << "head_dim " << head_dim << ", " << valid << " keys, query " << n;
          }
        }
      }
    }
  }
}

struct Shape {
  int64_t heads, kv_heads, head_dim;
};

// Two groups whose responses are at different places, and a row of padding.
void compare(const Shape& shape, at::ScalarType dtype, double tolerance) {
  at::manual_seed(3);
  const std::vector<int64_t> prompt_lengths = {130, 5};
  const std::vector<std::vector<int64_t>> own_lengths = {{1, 70, 3}, {64}};
  const int64_t rows = 5;  // the last belongs to no group
  KvPages pages(2, shape.kv_heads, shape.head_dim, dtype);
  auto random = [&](int64_t tokens, int64_t heads) { return at::randn({tokens, heads, shape.head_dim}).to(dtype); };
  at::Tensor q = random(rows, shape.heads), k = random(rows, shape.kv_heads), v = random(rows, shape.kv_heads);
  const double scale = 1 / std::sqrt(static_cast<double>(shape.head_dim));
  std::vector<PageList> prompts(2);
  std::vector<std::vector<PageList>> own(2);
  std::vector<DecodeGroup> groups;
  at::Tensor expected = at::zeros({rows, shape.heads, shape.head_dim}, at::kFloat);
  int64_t row = 0;
  for (size_t g = 0; g < 2; ++g) {
    at::Tensor prompt_k = random(prompt_lengths[g], shape.kv_heads),
               prompt_v = random(prompt_lengths[g], shape.kv_heads);
    pages.extend(prompts[g], prompt_lengths[g]);
    pages.write(prompts[g], 1, 0, prompt_k, prompt_v);
    prompts[g].tokens = prompt_lengths[g];
    own[g].resize(own_lengths[g].size());
    DecodeGroup group{&prompts[g], {}, row};
    for (size_t r = 0; r < own[g].size(); ++r, ++row) {
      const int64_t earlier = own_lengths[g][r] - 1;  // the present token comes with the call
      at::Tensor own_k = random(earlier, shape.kv_heads), own_v = random(earlier, shape.kv_heads);
      pages.extend(own[g][r], own_lengths[g][r]);
      if (earlier > 0) pages.write(own[g][r], 1, 0, own_k, own_v);
      own[g][r].tokens = own_lengths[g][r];
      group.own.push_back(&own[g][r]);
      auto whole = [&](const at::Tensor& prompt, const at::Tensor& before, const at::Tensor& now) {
        at::Tensor all = at::cat({prompt, before, now.narrow(0, row, 1)}).to(at::kFloat);
        return all.repeat_interleave(shape.heads / shape.kv_heads, 1).transpose(0, 1);  // [H, T, D]
      };
      at::Tensor query = q.narrow(0, row, 1).to(at::kFloat).transpose(0, 1);  // [H, 1, D]
      at::Tensor weights = at::softmax(at::matmul(query, whole(prompt_k, own_k, k).transpose(1, 2)) * scale, -1);
      expected[row] = at::matmul(weights, whole(prompt_v, own_v, v)).squeeze(1);
    }
    groups.push_back(group);
  }
  at::Tensor out = paged_attention(q, k, v, pages, groups, 1, scale);
  EXPECT_LT((out.to(at::kFloat) - expected).abs().max().item<double>(), tolerance);
  EXPECT_EQ(out[rows - 1].abs().max().item<double>(), 0);
}

TEST(PagedAttention, IsAttentionOverPromptAndResponse) {
  for (Shape shape : {Shape{4, 2, 8}, Shape{6, 3, 32}, Shape{4, 4, 20}, Shape{8, 1, 64}}) {
    compare(shape, at::kFloat, 2e-6);
    compare(shape, at::kBFloat16, 2e-2);
  }
}

TEST(KvPages, ReleasedPagesAreTakenAgain) {
  KvPages pages(1, 1, 8, at::kFloat);
  PageList a, b;
  pages.extend(a, kPageTokens + 1);
  EXPECT_EQ(pages.pages_in_use(), 2);
  int64_t bytes = pages.bytes();
  pages.release(a);
  EXPECT_EQ(pages.pages_in_use(), 0);
  pages.extend(b, 2 * kPageTokens);
  EXPECT_EQ(pages.bytes(), bytes);
}

}  // namespace
}  // namespace golong

// Attention over pages against the definition, for each instruction set of the machine.
#include "core/rollout/paged_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "core/rollout/kv_memory.h"
#include "core/rollout/page_kernel.h"
#include "core/rollout/page_tile.h"

namespace golong {
namespace {

// Queries that see the same run of pages twice: what was gathered before has to shrink or stay.
void compare_visit(const PageKernels& version, int64_t head_dim, int64_t valid, int64_t per_token) {
  const PageLayout layout{head_dim};
  const int64_t stride = layout.value_stride(), count = 13;
  RandomSequence random(random_key({static_cast<uint64_t>(head_dim), static_cast<uint64_t>(valid)}));
  const auto fill = [&](int64_t size) {
    std::vector<float> values(size);
    for (float& x : values) x = static_cast<float>(2 * random.uniform() - 1);
    return values;
  };
  std::vector<float> query = fill(count * stride), result(count * stride, 0.f), sum(count, 0.f),
                     highest(count, -std::numeric_limits<float>::infinity()), keys[kRunPages], values[kRunPages];
  PageRun run{{}, {}, valid, per_token, {}, 0};
  for (int64_t p = 0; p * kPageTokens < run.seen_by(count - 1); ++p) {
    keys[p] = fill(head_dim * kPageTokens);
    values[p] = fill(kPageTokens * stride);
    run.keys[p] = keys[p].data();
    run.values[p] = values[p].data();
  }
  for (int visit = 0; visit < 2; ++visit) {
    version.visit({query.data(), count, layout}, run, {result.data(), highest.data(), sum.data()});
  }
  for (int64_t n = 0; n < count; ++n) {
    std::vector<double> expected(head_dim, 0);
    double total = 0;
    for (int64_t j = 0; j < std::min(kRunTokens, valid + (per_token > 0 ? n / per_token : 0)); ++j) {
      const int64_t page = j / kPageTokens, slot = j % kPageTokens;
      double score = 0;
      for (int64_t d = 0; d < head_dim; ++d) {
        score += double(query[n * stride + d]) * keys[page][layout.key(slot, d)];
      }
      const double weight = std::exp2(score);
      total += weight;
      for (int64_t d = 0; d < head_dim; ++d) expected[d] += weight * values[page][layout.value(slot, d)];
    }
    for (int64_t d = 0; d < head_dim; ++d) {
      ASSERT_NEAR(result[n * stride + d] / sum[n], expected[d] / total, 2e-6)
          << "head_dim " << head_dim << ", " << valid << " keys, query " << n;
    }
  }
}

TEST(PageKernels, EachInstructionSetComputesTheDefinition) {
  for (const PageKernels& version : page_kernel_versions()) {
    for (int64_t head_dim : {8, 16, 32, 48, 128}) {
      for (int64_t valid : {1, 17, 32, 63, 64, 65, 200, 255, 256}) {
        for (int64_t per_token : {0, 1, 3}) compare_visit(version, head_dim, valid, per_token);
      }
    }
  }
}

TEST(PageKernels, EachInstructionSetWidensBFloat16) {
  const at::Tensor numbers = at::randn({77}).to(at::kBFloat16), expected = numbers.to(at::kFloat);
  for (const PageKernels& version : page_kernel_versions()) {
    at::Tensor got = at::zeros({77});
    version.widen(static_cast<const uint16_t*>(numbers.const_data_ptr()), 77, got.mutable_data_ptr<float>());
    EXPECT_TRUE(got.equal(expected));
  }
}

// Where keys lie changes no bit.
void compare_tile(const PageTileKernels& version, int64_t head_dim, int64_t count) {
  const PageLayout layout{head_dim};
  const int64_t dim = (head_dim + nn::kDimBlock - 1) / nn::kDimBlock * nn::kDimBlock, width = version.rows.width;
  constexpr int64_t begin = nn::kTileKeys;
  const at::Tensor keys = at::zeros({nn::kTileKeys, dim}), values = at::zeros({nn::kTileKeys, dim}),
                   q = at::randn({dim, width}), paged = at::zeros({kTilePages, layout.size()});
  keys.narrow(1, 0, head_dim).normal_();
  values.narrow(1, 0, head_dim).normal_();
  PageTile tile{begin, count, layout, {}, {}};
  for (int64_t j = 0; j < nn::kTileKeys; ++j) {
    auto* page = paged[j / kPageTokens].mutable_data_ptr<float>();
    for (int64_t d = 0; d < head_dim; ++d) {
      page[layout.key(j % kPageTokens, d)] = keys[j][d].item<float>();
      page[head_dim * kPageTokens + layout.value(j % kPageTokens, d)] = values[j][d].item<float>();
    }
    tile.keys[j / kPageTokens] = page;
    tile.values[j / kPageTokens] = page + head_dim * kPageTokens;
  }
  std::vector<int32_t> seen;  // each row one more, the last sees all
  for (int64_t row = 0; row < width; ++row) {
    seen.push_back(static_cast<int32_t>(begin + std::max<int64_t>(1, count - width + 1 + row)));
  }
  const nn::PanelRows rows{seen.data(), seen[0]};
  const auto run = [&](const auto& score, const auto& gather) {
    const at::Tensor scores = at::zeros({nn::kTileKeys, width}), highest = at::full({width}, 0.25),
                     result = at::full({dim, width}, 0.5), shrink = at::full({width}, 0.75);
    const nn::KeyRows to{scores.mutable_data_ptr<float>(), width};
    score(to, highest.mutable_data_ptr<float>());
    const at::Tensor found = scores.narrow(0, 0, count).clone();
    scores.nan_to_num_(0, 0, 0);  // so that they can be weights
    gather(to, shrink.const_data_ptr<float>(), result.mutable_data_ptr<float>());
    return std::vector<at::Tensor>{found, highest, result.narrow(0, 0, head_dim)};
  };
  const auto* queries = q.const_data_ptr<float>();
  const nn::KeyTile dense{begin, count, dim, keys.const_data_ptr<float>(), values.const_data_ptr<float>()};
  const std::vector<at::Tensor> expected =
      run([&](const nn::KeyRows& to, float* highest) { version.rows.score(rows, dense, queries, to, highest); },
          [&](const nn::KeyRows& weights, const float* shrink, float* result) {
            version.rows.gather(dense.v, dense, weights, shrink, result);
          });
  const std::vector<at::Tensor> got =
      run([&](const nn::KeyRows& to, float* highest) { version.score(rows, tile, queries, to, highest); },
          [&](const nn::KeyRows& weights, const float* shrink, float* result) {
            version.gather(tile, weights, shrink, result);
          });
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_TRUE(got[i].equal(expected[i]))
        << i << ": head_dim " << head_dim << ", " << count << " keys, width " << width;
  }
}

TEST(PageTileKernels, AreTheKernelsOfTraining) {
  for (const PageTileKernels& version : page_tile_kernel_versions()) {
    for (const int64_t head_dim : {8, 20, 32, 48, 128}) {
      for (const int64_t count : {1, 40, 64, 65, 128}) compare_tile(version, head_dim, count);
    }
  }
}

struct Heads {
  int64_t query, kv, dim;
};

// Attention written plainly: row by row over the keys and values of all tokens that it sees.
class Plain {
 public:
  Plain(Heads heads, at::ScalarType dtype) : heads_(heads), dtype_(dtype), pages_(shape(), dtype, at::kCPU, 1 << 24) {
    at::manual_seed(3);
  }

  // A list of `tokens` tokens of which `fresh` come with the call, at its end.
  PageList list(int64_t tokens) {
    PageList made;
    EXPECT_TRUE(pages_.extend(made, tokens));
    return made;
  }
  at::Tensor random(int64_t tokens, int64_t heads) const { return at::randn({tokens, heads, heads_.dim}).to(dtype_); }

  at::Tensor attend(const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v) const {  // q [H, D], k, v [T, Hkv, D]
    const auto wide = [&](const at::Tensor& x) {
      return x.to(at::kFloat).repeat_interleave(heads_.query / heads_.kv, 1).transpose(0, 1);  // [H, T, D]
    };
    const at::Tensor weights =
        at::softmax(at::matmul(wide(k), q.to(at::kFloat).unsqueeze(-1)).squeeze(-1) * scale(), -1);
    return at::matmul(weights.unsqueeze(1), wide(v)).squeeze(1);  // [H, D]
  }

  double scale() const { return 1 / std::sqrt(static_cast<double>(heads_.dim)); }
  KvPages& pages() { return pages_.pages(); }

 private:
  ModelShape shape() const {
    ModelShape shape;
    shape.layers = 2;
    shape.kv_heads = heads_.kv;
    shape.head_dim = heads_.dim;
    return shape;
  }

  Heads heads_;
  at::ScalarType dtype_;
  KvMemory pages_;
};

// One forward with everything in it: the second part of a long prompt, a short prompt, responses of both to prompts
// that are there already and to one that is computed in this very forward, single tokens and several.
void compare(Heads heads, at::ScalarType dtype, double tolerance) {
  Plain plain(heads, dtype);
  const int64_t done = 130;  // tokens of the long prompt that are there before
  const std::vector<int64_t> lengths = {330, 5};
  struct Own {
    size_t prompt;
    int64_t before, fresh;
  };
  const std::vector<Own> own = {{0, 0, 1}, {0, 69, 1}, {0, 60, 9}, {1, 0, 200}};
  std::vector<PageList> prompts{plain.list(lengths[0]), plain.list(lengths[1])}, lists;
  std::vector<at::Tensor> keys, values;  // of each prompt, then of each response
  for (int64_t length : lengths) {
    keys.push_back(plain.random(length, heads.kv));
    values.push_back(plain.random(length, heads.kv));
  }
  plain.pages().write(prompts[0], 1, 0, keys[0], values[0], 0, done);
  for (const Own& o : own) {
    lists.push_back(plain.list(o.before + o.fresh));
    keys.push_back(plain.random(o.before + o.fresh, heads.kv));
    values.push_back(plain.random(o.before + o.fresh, heads.kv));
    if (o.before > 0) plain.pages().write(lists.back(), 1, 0, keys.back(), values.back(), 0, o.before);
  }
  std::vector<PagedGroup> groups{{nullptr, {{&prompts[0], done, lengths[0] - done}}, 0},
                                 {nullptr, {{&prompts[1], 0, lengths[1]}}, lengths[0] - done}};
  int64_t rows = lengths[0] - done + lengths[1];
  for (size_t p = 0; p < 2; ++p) {
    groups.push_back({&prompts[p], {}, rows});
    for (size_t i = 0; i < own.size(); ++i) {
      if (own[i].prompt != p) continue;
      groups.back().spans.push_back({&lists[i], own[i].before, own[i].fresh});
      rows += own[i].fresh;
    }
  }
  const at::Tensor q = plain.random(rows, heads.query);
  std::vector<at::Tensor> k{keys[0].narrow(0, done, lengths[0] - done), keys[1]},
      v{values[0].narrow(0, done, lengths[0] - done), values[1]};
  std::vector<at::Tensor> expected;
  int64_t row = 0;
  for (size_t p = 0; p < 2; ++p) {
    for (int64_t t = p == 0 ? done : 0; t < lengths[p]; ++t) {
      expected.push_back(plain.attend(q[row++], keys[p].narrow(0, 0, t + 1), values[p].narrow(0, 0, t + 1)));
    }
  }
  for (size_t i = 0; i < own.size(); ++i) {
    const auto& [p, before, fresh] = own[i];
    k.push_back(keys[2 + i].narrow(0, before, fresh));
    v.push_back(values[2 + i].narrow(0, before, fresh));
    for (int64_t t = before; t < before + fresh; ++t) {
      expected.push_back(plain.attend(q[row++], at::cat({keys[p], keys[2 + i].narrow(0, 0, t + 1)}),
                                      at::cat({values[p], values[2 + i].narrow(0, 0, t + 1)})));
    }
  }
  const at::Tensor out = paged_attention(q, at::cat(k), at::cat(v), plain.pages(), groups, 1, plain.scale());
  EXPECT_LT((out.to(at::kFloat) - at::stack(expected)).abs().max().item<double>(), tolerance)
      << heads.query << " heads, " << heads.kv << " of keys, dimension " << heads.dim;
}

TEST(PagedAttention, IsAttentionOverPromptAndResponse) {
  for (Heads heads : {Heads{4, 2, 8}, Heads{6, 3, 32}, Heads{4, 4, 20}, Heads{8, 1, 64}, Heads{3, 1, 128}}) {
    compare(heads, at::kFloat, 3e-6);
    compare(heads, at::kBFloat16, 2e-2);
  }
}

}  // namespace
}  // namespace golong

#include "core/rollout/paged_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <limits>

// The loops below are dense and without branches, so that the compiler vectorises them; it makes one version for each
// instruction set and picks at start.
#if defined(__x86_64__)
#define GOLONG_VECTORISED __attribute__((target_clones("avx512f", "avx2,fma", "default"), optimize("O3")))
#else
#define GOLONG_VECTORISED
#endif

namespace golong {
namespace {

// What a query has gathered so far; `out` is scaled by exp(-highest).
struct Running {
  float highest = -std::numeric_limits<float>::infinity();
  float sum = 0;
};

// scores[j] = sum_d query[d] keys[d][j]
GOLONG_VECTORISED void score_page(const float* query, const float* keys, int64_t head_dim, float* scores) {
  for (int64_t j = 0; j < kPageTokens; ++j) scores[j] = 0;
  for (int64_t d = 0; d < head_dim; ++d) {
    float q = query[d];
    const float* row = keys + d * kPageTokens;
    for (int64_t j = 0; j < kPageTokens; ++j) scores[j] += q * row[j];
  }
}

// out[d] = out[d] * keep + sum_j weights[j] values[j][d]
GOLONG_VECTORISED void add_values(const float* weights, int64_t count, const float* values, int64_t head_dim,
                                  float keep, float* out) {
  for (int64_t d = 0; d < head_dim; ++d) out[d] *= keep;
  for (int64_t j = 0; j < count; ++j) {
    float weight = weights[j];
    const float* row = values + j * head_dim;
    for (int64_t d = 0; d < head_dim; ++d) out[d] += weight * row[d];
  }
}

// One query against the first `count` keys of a page. `query` is already scaled.
void visit_page(const float* query, const float* keys, const float* values, int64_t count, int64_t head_dim,
                Running& running, float* out) {
  float scores[kPageTokens];
  score_page(query, keys, head_dim, scores);
  float highest = running.highest;
  for (int64_t j = 0; j < count; ++j) highest = std::max(highest, scores[j]);
  float keep = std::exp(running.highest - highest);
  float sum = 0;
  for (int64_t j = 0; j < count; ++j) {
    scores[j] = std::exp(scores[j] - highest);
    sum += scores[j];
  }
  running.sum = running.sum * keep + sum;
  running.highest = highest;
  add_values(scores, count, values, head_dim, keep, out);
}

// A page's keys and values as floats: the page itself, or a converted copy.
template <class T>
class FloatPage {
 public:
  explicit FloatPage(int64_t size) : buffer_(std::is_same_v<T, float> ? 0 : size) {}
  const float* operator()(const T* data) {
    if constexpr (std::is_same_v<T, float>) {
      return data;
    } else {
      for (size_t i = 0; i < buffer_.size(); ++i) buffer_[i] = static_cast<float>(data[i]);
      return buffer_.data();
    }
  }

 private:
  std::vector<float> buffer_;
};

// All queries of one group that share one key-value head.
template <class T>
void attend_group(const T* q, T* out, int64_t heads, const KvPages& pages, const DecodeGroup& group, int64_t layer,
                  int64_t kv_head, double scale) {
  const int64_t d = pages.head_dim(), share = heads / pages.kv_heads(), responses = group.own.size();
  const int64_t queries = responses * share;
  std::vector<float> query(queries * d), result(queries * d, 0.f);
  auto place = [&](int64_t i) { return ((group.first_row + i / share) * heads + kv_head * share + i % share) * d; };
  for (int64_t i = 0; i < queries; ++i) {
    for (int64_t j = 0; j < d; ++j) query[i * d + j] = static_cast<float>(q[place(i) + j]) * static_cast<float>(scale);
  }
  std::vector<Running> running(queries);
  FloatPage<T> keys(d * kPageTokens), values(d * kPageTokens);
  auto visit = [&](const PageList& list, int64_t first, int64_t count) {
    for (size_t p = 0; p < list.pages.size(); ++p) {
      int64_t valid = std::min(kPageTokens, list.tokens - static_cast<int64_t>(p) * kPageTokens);
      if (valid <= 0) break;
      const float* k = keys(pages.keys<T>(list.pages[p], layer, kv_head));
      const float* v = values(pages.values<T>(list.pages[p], layer, kv_head));
      for (int64_t i = first; i < first + count; ++i) {
        visit_page(&query[i * d], k, v, valid, d, running[i], &result[i * d]);
      }
    }
  };
  visit(*group.prompt, 0, queries);
  for (int64_t r = 0; r < responses; ++r) visit(*group.own[r], r * share, share);
  for (int64_t i = 0; i < queries; ++i) {
    for (int64_t j = 0; j < d; ++j) out[place(i) + j] = static_cast<T>(result[i * d + j] / running[i].sum);
  }
}

}  // namespace

at::Tensor paged_attention(const at::Tensor& q, const KvPages& pages, const std::vector<DecodeGroup>& groups,
                           int64_t layer, double scale) {
  at::Tensor queries = q.contiguous(), out = at::zeros_like(queries);
  const int64_t heads = q.size(1), kv_heads = pages.kv_heads();
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, q.scalar_type(), "paged_attention", [&] {
    const scalar_t* in = queries.const_data_ptr<scalar_t>();
    scalar_t* to = out.data_ptr<scalar_t>();
    at::parallel_for(0, static_cast<int64_t>(groups.size()) * kv_heads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        attend_group<scalar_t>(in, to, heads, pages, groups[i / kv_heads], layer, i % kv_heads, scale);
      }
    });
  });
  return out;
}

}  // namespace golong

#include "core/rollout/page_kernel.h"

#include <limits>

#include "core/nn/vector_math.h"

namespace golong {
namespace {

using nn::Floats;
using nn::Ints;
using nn::kLanes;

constexpr int64_t kBlocks = kPageTokens / kLanes;  // vectors of keys in a page

// The loops over queries are unrolled: only then do their accumulators stay in registers.

// scores[n][block] = query n . keys of the block, for N queries and two blocks: each key that is loaded serves N
// queries.
template <int N>
GOLONG_INLINE void score_two_blocks(const float* query, int64_t stride, int64_t head_dim, const float* keys,
                                    Floats (*scores)[kBlocks], int64_t block) {
  Floats a[N] = {}, b[N] = {};
  for (int64_t d = 0; d < head_dim; ++d) {
    Floats left, right;
    nn::load(keys + d * kPageTokens, left);
    nn::load(keys + d * kPageTokens + kLanes, right);
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      a[n] += left * query[n * stride + d];
      b[n] += right * query[n * stride + d];
    }
  }
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) {
    scores[n][block] = a[n];
    scores[n][block + 1] = b[n];
  }
}

// Turns a row of scores into weights, and returns by how much what was gathered before shrinks.
GOLONG_INLINE float soften(Floats* scores, int64_t blocks, int64_t valid, float& highest, float& sum) {
  const float minus_infinity = -std::numeric_limits<float>::infinity();
  const Ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  Floats top = Floats{} + minus_infinity;
  for (int64_t b = 0; b < blocks; ++b) {
    Ints written = lane < static_cast<int32_t>(valid - b * kLanes);
    scores[b] = written ? scores[b] : Floats{} + minus_infinity;
    top = scores[b] > top ? scores[b] : top;
  }
  float before = highest, now = nn::highest_of(top);
  if (before > now) now = before;
  Floats total = {};
  for (int64_t b = 0; b < blocks; ++b) {
    scores[b] -= now;
    nn::exp_in_place(scores[b]);
    total += scores[b];
  }
  Floats shrink = Floats{} + (before - now);
  nn::exp_in_place(shrink);
  highest = now;
  sum = sum * shrink[0] + nn::sum_of(total);
  return shrink[0];
}

// result[n] = result[n] * keep[n] + sum_j weights[n][j] values[j], 16 dimensions at a time.
template <int N>
GOLONG_INLINE void add_values(const Floats (*weights)[kBlocks], const float* keep, const float* values, int64_t valid,
                              int64_t stride, float* result) {
  const float* row[N];
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) row[n] = reinterpret_cast<const float*>(weights[n]);
  for (int64_t d = 0; d < stride; d += kLanes) {
    Floats sum[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      nn::load(result + n * stride + d, sum[n]);
      sum[n] *= keep[n];
    }
    for (int64_t j = 0; j < valid; ++j) {
      Floats value;
      nn::load(values + j * stride + d, value);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) sum[n] += value * row[n][j];
    }
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) nn::store(sum[n], result + n * stride + d);
  }
}

template <int N>
GOLONG_INLINE void visit(const float* query, int64_t stride, int64_t head_dim, const float* keys, const float* values,
                         int64_t valid, float* result, float* highest, float* sum) {
  Floats scores[N][kBlocks];
  const int64_t blocks = (valid + 2 * kLanes - 1) / (2 * kLanes) * 2;
  for (int64_t b = 0; b < blocks; b += 2) {
    score_two_blocks<N>(query, stride, head_dim, keys + b * kLanes, scores, b);
  }
  float keep[N];
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) keep[n] = soften(scores[n], blocks, valid, highest[n], sum[n]);
  add_values<N>(scores, keep, values, valid, stride, result);
}

}  // namespace

GOLONG_CLONES void visit_page(const float* query, int64_t count, int64_t stride, int64_t head_dim, const float* keys,
                              const float* values, int64_t valid, const Gathered& gathered) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    visit<4>(query + i * stride, stride, head_dim, keys, values, valid, gathered.result + i * stride,
             gathered.highest + i, gathered.sum + i);
  }
  for (; i + 2 <= count; i += 2) {
    visit<2>(query + i * stride, stride, head_dim, keys, values, valid, gathered.result + i * stride,
             gathered.highest + i, gathered.sum + i);
  }
  for (; i < count; ++i) {
    visit<1>(query + i * stride, stride, head_dim, keys, values, valid, gathered.result + i * stride,
             gathered.highest + i, gathered.sum + i);
  }
}

}  // namespace golong

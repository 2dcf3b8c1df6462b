#include "core/rollout/page_kernel.h"

#include <limits>

#include "core/nn/vector_math.h"

namespace golong {
namespace kernel {
namespace {

using nn::Floats;
using nn::Ints;

template <int Lanes>
constexpr int kBlocks = kPageTokens / Lanes;  // vectors of keys in a page

// The loops over queries and vectors are unrolled: only then do their accumulators stay in registers. Four queries by
// two vectors are eight accumulators, enough to hide the latency of a multiply-add, on 16 registers; eight by two
// on 32.

// scores[n][block] = query n . keys of the block, for N queries and two blocks: each key that is loaded serves N
// queries.
template <int Lanes, int N>
GOLONG_INLINE void score_two_blocks(const float* query, int64_t stride, int64_t head_dim, const float* keys,
                                    Floats<Lanes> (*scores)[kBlocks<Lanes>], int64_t block) {
  Floats<Lanes> a[N] = {}, b[N] = {};
  for (int64_t d = 0; d < head_dim; ++d) {
    Floats<Lanes> left, right;
    nn::load(keys + d * kPageTokens, left);
    nn::load(keys + d * kPageTokens + Lanes, right);
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      a[n] += left * query[n * stride + d];
      b[n] += right * query[n * stride + d];
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    scores[n][block] = a[n];
    scores[n][block + 1] = b[n];
  }
}

// Turns a row of scores into weights, and returns by how much what was gathered before shrinks.
template <int Lanes>
GOLONG_INLINE float soften(Floats<Lanes>* scores, int64_t blocks, int64_t valid, float& highest, float& sum) {
  const float minus_infinity = -std::numeric_limits<float>::infinity();
  Ints<Lanes> lane;
  nn::count_up<Lanes>(lane);
  Floats<Lanes> top = Floats<Lanes>{} + minus_infinity;
  for (int64_t b = 0; b < blocks; ++b) {
    Ints<Lanes> written = lane < static_cast<int32_t>(valid - b * Lanes);
    scores[b] = written ? scores[b] : Floats<Lanes>{} + minus_infinity;
    top = scores[b] > top ? scores[b] : top;
  }
  float before = highest, now = nn::highest_of<Lanes>(top);
  if (before > now) now = before;
  Floats<Lanes> total = {};
  for (int64_t b = 0; b < blocks; ++b) {
    scores[b] -= now;
    nn::exp_in_place<Lanes>(scores[b]);
    total += scores[b];
  }
  Floats<Lanes> shrink = Floats<Lanes>{} + (before - now);
  nn::exp_in_place<Lanes>(shrink);
  highest = now;
  sum = sum * shrink[0] + nn::sum_of<Lanes>(total);
  return shrink[0];
}

// result[n] = result[n] * keep[n] + sum_j weights[n][j] values[j], for V vectors of dimensions from `d`.
template <int Lanes, int N, int V>
GOLONG_INLINE void add_dimensions(const Floats<Lanes> (*weights)[kBlocks<Lanes>], const float* keep,
                                  const float* values, int64_t valid, int64_t stride, int64_t d, float* result) {
  Floats<Lanes> sum[N][V];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      nn::load(result + n * stride + d + v * Lanes, sum[n][v]);
      sum[n][v] *= keep[n];
    }
  }
  for (int64_t j = 0; j < valid; ++j) {
    Floats<Lanes> value[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) nn::load(values + j * stride + d + v * Lanes, value[v]);
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[n][v] += value[v] * reinterpret_cast<const float*>(weights[n])[j];
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) nn::store(sum[n][v], result + n * stride + d + v * Lanes);
  }
}

template <int Lanes, int N>
GOLONG_INLINE void visit(const Queries& queries, const Page& page, const Gathered& to, int64_t first) {
  const int64_t stride = queries.stride;
  int64_t seen[N], most = 0;  // keys that each query sees
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    seen[n] = page.per_token > 0 ? page.valid + (first + n) / page.per_token : page.valid;
    if (seen[n] > kPageTokens) seen[n] = kPageTokens;
    most = seen[n];
  }
  Floats<Lanes> scores[N][kBlocks<Lanes>];
  const int64_t blocks = (most + 2 * Lanes - 1) / (2 * Lanes) * 2;
  for (int64_t b = 0; b < blocks; b += 2) {
    score_two_blocks<Lanes, N>(queries.data + first * stride, stride, queries.head_dim, page.keys + b * Lanes, scores,
                               b);
  }
  float keep[N];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    keep[n] = soften<Lanes>(scores[n], blocks, seen[n], to.highest[first + n], to.sum[first + n]);
  }
  float* result = to.result + first * stride;
  int64_t d = 0;
  for (; d + 2 * Lanes <= stride; d += 2 * Lanes) {
    add_dimensions<Lanes, N, 2>(scores, keep, page.values, most, stride, d, result);
  }
  if (d < stride) add_dimensions<Lanes, N, 1>(scores, keep, page.values, most, stride, d, result);
}

template <int Lanes>
GOLONG_INLINE void visit_page(const Queries& queries, const Page& page, const Gathered& gathered) {
  constexpr int kMany = Lanes == 16 ? 8 : 4;  // as many as there are registers for their accumulators
  int64_t i = 0;
  for (; i + kMany <= queries.count; i += kMany) visit<Lanes, kMany>(queries, page, gathered, i);
  for (; i + 2 <= queries.count; i += 2) visit<Lanes, 2>(queries, page, gathered, i);
  for (; i < queries.count; ++i) visit<Lanes, 1>(queries, page, gathered, i);
}

}  // namespace
}  // namespace kernel

GOLONG_VERSIONS(void, visit_page, (const Queries& queries, const Page& page, const Gathered& gathered),
                (queries, page, gathered))

std::vector<decltype(&visit_page)> visit_page_versions() { return GOLONG_RUNNABLE_VERSIONS(visit_page); }

}  // namespace golong

#include "core/rollout/page_kernel.h"

#include <cmath>
#include <limits>

#include "core/nn/vector_math.h"

namespace golong {
namespace kernel {
namespace {

using nn::Floats;
using nn::Ints;

template <int Lanes>
constexpr int kBlocks = kPageTokens / Lanes;  // vectors of keys in a page

// Scores, then weights, of N queries for the keys of a run.
template <int Lanes, int N>
using Scores = Floats<Lanes>[N][kRunPages * kBlocks<Lanes>];

// The loops over queries and vectors are unrolled: only then do their accumulators stay in registers. Four queries by
// two vectors are eight accumulators, enough to hide the latency of a multiply-add, on 16 registers; eight by two
// on 32.

// scores[n][to], scores[n][to + 1] = query n . two vectors of keys, for N queries: each key that is loaded serves all.
template <int Lanes, int N>
GOLONG_INLINE void score(const float* query, int64_t stride, int64_t head_dim, const float* keys,
                         Scores<Lanes, N>& scores, int64_t to) {
  constexpr int64_t kStep = PageLayout::kBlock;
  Floats<Lanes> a[N] = {}, b[N] = {};
  for (int64_t d = 0; d < head_dim; ++d) {
    Floats<Lanes> left, right;
    nn::load(keys + d * kStep, left);
    nn::load(keys + d * kStep + Lanes, right);
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      a[n] += left * query[n * stride + d];
      b[n] += right * query[n * stride + d];
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    scores[n][to] = a[n];
    scores[n][to + 1] = b[n];
  }
}

// Turns a row of scores into weights, and returns by how much what was gathered before shrinks.
template <int Lanes>
GOLONG_INLINE float soften(Floats<Lanes>* scores, int64_t blocks, int64_t seen, float& highest, float& sum) {
  const float minus_infinity = -std::numeric_limits<float>::infinity();
  const int64_t whole = seen / Lanes;  // vectors of which every key is seen
  Ints<Lanes> lane;
  nn::count_up<Lanes>(lane);
  const auto unseen = [&](int64_t block) __attribute__((always_inline)) {
    return lane >= static_cast<int32_t>(seen - block * Lanes);
  };
  Floats<Lanes> top = Floats<Lanes>{} + minus_infinity;
  for (int64_t b = 0; b < whole; ++b) top = scores[b] > top ? scores[b] : top;
  for (int64_t b = whole; b < blocks; ++b) {
    scores[b] = unseen(b) ? Floats<Lanes>{} + minus_infinity : scores[b];
    top = scores[b] > top ? scores[b] : top;
  }
  const float before = highest;
  float now = nn::highest_of<Lanes>(top);
  if (before > now) now = before;
  Floats<Lanes> total = {};
  for (int64_t b = 0; b < whole; ++b) {
    scores[b] -= now;
    nn::exp2_in_place<Lanes>(scores[b]);
    total += scores[b];
  }
  for (int64_t b = whole; b < blocks; ++b) {
    scores[b] -= now;
    nn::exp2_in_place<Lanes>(scores[b]);
    scores[b] = unseen(b) ? Floats<Lanes>{} : scores[b];
    total += scores[b];
  }
  const float shrink = std::exp2(before - now);
  highest = now;
  sum = sum * shrink + nn::sum_of<Lanes>(total);
  return shrink;
}

// Asks for what is read next while there is something to multiply: memory and multipliers are then busy at once. The
// processor by itself does not look past the next 4 KB.
class Soon {
 public:
  // It is to be asked for in about so many parts.
  Soon(const PageRun& run, int64_t parts) : run_(run) {
    int64_t pages = 0;
    while (pages < kRunPages && run.soon[pages]) ++pages;
    lines_ = pages * run.soon_bytes / (parts * kLine) + 1;
  }
  GOLONG_INLINE void ask_for_part() {
    for (int64_t line = 0; line < lines_ && page_ < kRunPages && run_.soon[page_]; ++line) {
      __builtin_prefetch(run_.soon[page_] + byte_, 0, 2);
      byte_ += kLine;
      if (byte_ >= run_.soon_bytes) byte_ = 0, ++page_;
    }
  }

 private:
  static constexpr int64_t kLine = 64;
  const PageRun& run_;
  int64_t lines_, page_ = 0, byte_ = 0;
};

// result[n] = result[n] * keep[n] + sum_j weights[n][j] values[j], for V vectors of dimensions from `d`, over the first
// `most` keys of the run.
template <int Lanes, int N, int V>
GOLONG_INLINE void add_dimensions(const Scores<Lanes, N>& weights, const float* keep, const PageRun& run, int64_t most,
                                  const PageLayout& layout, int64_t d, float* result) {
  const int64_t stride = layout.value_stride(), start = layout.value(0, d), step = layout.value_block(d);
  Floats<Lanes> sum[N][V];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      nn::load(result + n * stride + d + v * Lanes, sum[n][v]);
      sum[n][v] *= keep[n];
    }
  }
  for (int64_t page = 0; page * kPageTokens < most; ++page) {
    const int64_t count = most - page * kPageTokens < kPageTokens ? most - page * kPageTokens : kPageTokens;
    const float* values = run.values[page] + start;
    for (int64_t j = 0; j < count; ++j) {
      Floats<Lanes> value[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) nn::load(values + j * step + v * Lanes, value[v]);
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        const float weight = reinterpret_cast<const float*>(weights[n])[page * kPageTokens + j];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) sum[n][v] += value[v] * weight;
      }
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) nn::store(sum[n][v], result + n * stride + d + v * Lanes);
  }
}

template <int Lanes, int N>
GOLONG_INLINE void visit(const Queries& queries, const PageRun& run, const Gathered& to, int64_t first, Soon& soon) {
  const PageLayout& layout = queries.layout;
  const int64_t stride = layout.value_stride(), most = run.seen_by(first + N - 1);  // the last query sees most
  Scores<Lanes, N> scores;
  const int64_t blocks = (most + 2 * Lanes - 1) / (2 * Lanes) * 2;
  for (int64_t b = 0; b < blocks; b += 2) {
    const int64_t page = b / kBlocks<Lanes>, offset = layout.key(b % kBlocks<Lanes> * Lanes, 0);
    score<Lanes, N>(queries.data + first * stride, stride, layout.head_dim, run.keys[page] + offset, scores, b);
    soon.ask_for_part();
  }
  float keep[N];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    keep[n] = soften<Lanes>(scores[n], blocks, run.seen_by(first + n), to.highest[first + n], to.sum[first + n]);
  }
  float* result = to.result + first * stride;
  int64_t d = 0;
  for (; d + 2 * Lanes <= stride; d += 2 * Lanes) {
    add_dimensions<Lanes, N, 2>(scores, keep, run, most, layout, d, result);
  }
  if (d < stride) add_dimensions<Lanes, N, 1>(scores, keep, run, most, layout, d, result);
}

template <int Lanes>
GOLONG_INLINE void visit_pages(const Queries& queries, const PageRun& run, const Gathered& gathered) {
  constexpr int kMany = Lanes == 16 ? 8 : 4;  // as many as there are registers for their accumulators
  Soon soon(run, (queries.count + kMany - 1) / kMany * (kRunTokens / (2 * Lanes)));
  int64_t i = 0;
  for (; i + kMany <= queries.count; i += kMany) visit<Lanes, kMany>(queries, run, gathered, i, soon);
  for (; i + 2 <= queries.count; i += 2) visit<Lanes, 2>(queries, run, gathered, i, soon);
  for (; i < queries.count; ++i) visit<Lanes, 1>(queries, run, gathered, i, soon);
}

template <int Lanes>
GOLONG_INLINE void widen_numbers(const uint16_t* from, int64_t count, float* to) {
  int64_t i = 0;
  Floats<Lanes> wide;
  for (; i + Lanes <= count; i += Lanes) {
    nn::widen<Lanes>(from + i, wide);
    nn::store(wide, to + i);
  }
  for (; i < count; ++i) {
    const uint32_t bits = static_cast<uint32_t>(from[i]) << 16;
    std::memcpy(to + i, &bits, sizeof bits);
  }
}

}  // namespace
}  // namespace kernel

GOLONG_VERSIONS(void, visit_pages, (const Queries& queries, const PageRun& run, const Gathered& gathered),
                (queries, run, gathered))

GOLONG_VERSIONS(void, widen_numbers, (const uint16_t* from, int64_t count, float* to), (from, count, to))

std::vector<PageKernels> page_kernel_versions() {
  const auto visit = GOLONG_RUNNABLE_VERSIONS(visit_pages);
  const auto widen = GOLONG_RUNNABLE_VERSIONS(widen_numbers);
  std::vector<PageKernels> versions;
  for (size_t i = 0; i < visit.size(); ++i) versions.push_back({visit[i], widen[i]});
  return versions;
}

}  // namespace golong

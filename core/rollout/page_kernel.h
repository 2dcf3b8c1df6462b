// The inner loops of attention over pages: queries against a run of pages of keys and values.
#pragma once
#include <cstdint>
#include <vector>

#include "core/rollout/kv_pages.h"

namespace golong {

// Queries [count, value_stride], filled up with zeros, already scaled, and times log2(e): softmax is then made of
// powers of two.
struct Queries {
  const float* data;
  int64_t count;
  PageLayout layout;
};

// Pages that are seen in one go: softmax has a fixed cost for each go.
inline constexpr int64_t kRunPages = 4;
inline constexpr int64_t kRunTokens = kRunPages * kPageTokens;

// Keys and values of each page as the layout has them. The first query sees the first `valid` keys of the run (at least
// 1), and each `per_token` queries further on one key more; 0: all see the same. Pages that no query sees need not be
// there.
struct PageRun {
  const float* keys[kRunPages];
  const float* values[kRunPages];
  int64_t valid, per_token;
  const char* soon[kRunPages];  // `soon_bytes` each that will be read next; behind the last one nullptr
  int64_t soon_bytes;

  int64_t seen_by(int64_t query) const {
    const int64_t seen = per_token > 0 ? valid + query / per_token : valid;
    return seen < kRunTokens ? seen : kRunTokens;
  }
};

// What queries have gathered so far: the weighted sum of values is scaled by 2^-highest.
struct Gathered {
  float* result;   // [count, value_stride]
  float* highest;  // [count]
  float* sum;      // [count]
};

// Lets the queries see the pages. A query's numbers do not depend on which others are with it.
void visit_pages(const Queries& queries, const PageRun& run, const Gathered& gathered);

// Numbers of bfloat16 as float32.
void widen_numbers(const uint16_t* from, int64_t count, float* to);

// Both for each instruction set that this machine has, the one that is used first; for tests.
struct PageKernels {
  decltype(&visit_pages) visit;
  decltype(&widen_numbers) widen;
};
std::vector<PageKernels> page_kernel_versions();

}  // namespace golong

// The inner loops of decode attention: queries against one page of keys and values.
#pragma once
#include <cstdint>
#include <vector>

#include "core/rollout/kv_pages.h"

namespace golong {

// What queries have gathered so far: the weighted sum of values is scaled by exp(-highest). `stride` floats apart.
struct Gathered {
  float* result;   // [count, stride]
  float* highest;  // [count]
  float* sum;      // [count]
};

// Lets `count` queries [count, stride] (already scaled) see the first `valid` keys of a page. keys [head_dim,
// kPageTokens], values [kPageTokens, stride]; stride is head_dim rounded up to a multiple of 16. A query's numbers do
// not depend on which others are with it.
void visit_page(const float* query, int64_t count, int64_t stride, int64_t head_dim, const float* keys,
                const float* values, int64_t valid, const Gathered& gathered);

// visit_page for each instruction set that this machine has, the one that is used first; for tests.
std::vector<decltype(&visit_page)> visit_page_versions();

}  // namespace golong

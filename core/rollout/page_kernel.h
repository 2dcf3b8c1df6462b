// The inner loops of attention over pages: queries against one page of keys and values.
#pragma once
#include <cstdint>
#include <vector>

#include "core/rollout/kv_pages.h"

namespace golong {

// Queries [count, stride], already scaled; stride is head_dim rounded up to a multiple of 16, filled up with zeros.
struct Queries {
  const float* data;
  int64_t count, stride, head_dim;
};

// keys [head_dim, kPageTokens], values [kPageTokens, stride]. The first query sees the first `valid` keys (at least 1),
// and each `per_token` queries further on one key more; 0: all see the same.
struct Page {
  const float* keys;
  const float* values;
  int64_t valid, per_token;
};

// What queries have gathered so far: the weighted sum of values is scaled by exp(-highest).
struct Gathered {
  float* result;   // [count, stride]
  float* highest;  // [count]
  float* sum;      // [count]
};

// Lets the queries see the page. A query's numbers do not depend on which others are with it.
void visit_page(const Queries& queries, const Page& page, const Gathered& gathered);

// visit_page for each instruction set that this machine has, the one that is used first; for tests.
std::vector<decltype(&visit_page)> visit_page_versions();

}  // namespace golong

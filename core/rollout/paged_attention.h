// Attention over pages: of a prompt on itself, of responses on their prompt and on themselves; one token each or many.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/rollout/kv_pages.h"

namespace golong {

// Consecutive tokens of one prompt or one response, in rows of a forward.
struct PagedSpan {
  const PageList* own;  // their pages and those of the tokens before them
  int64_t start;        // in `own`
  int64_t count;
};

// Spans that see the same prompt; their rows follow each other.
struct PagedGroup {
  const PageList* prompt;  // seen whole by each of the rows; null: the spans are prompts
  std::vector<PagedSpan> spans;
  int64_t first_row;

  int64_t rows() const;
};

// q [T, H, D], k and v [T, Hkv, D] of the rows of all groups -> [T, H, D]. Writes k and v into the spans' pages, then
// attends: each row sees its group's prompt, and of its own pages what stands up to itself. A response's page is read
// once for up to 64 rows, a prompt's once for as many queries. A row's result does not depend on other rows.
at::Tensor paged_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, KvPages& pages,
                           const std::vector<PagedGroup>& groups, int64_t layer, double scale);

}  // namespace golong

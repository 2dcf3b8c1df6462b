// Attention of one decode step: each running response attends to its group's prompt and to itself.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/rollout/kv_pages.h"

namespace golong {

// The running responses of one group, which share its prompt.
struct DecodeGroup {
  const PageList* prompt = nullptr;
  std::vector<const PageList*> own;  // one for each response; `tokens` counts the present token too
  int64_t first_row = 0;             // row of the first response; the others follow
};

// q [B, H, D], k and v [B, Hkv, D] of the present tokens -> [B, H, D]. Writes k and v into the responses' pages, then
// attends. Each key of a prompt is read once for all queries of its group. A row's result does not depend on other
// rows; rows of no group (padding) give 0.
at::Tensor paged_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, KvPages& pages,
                           const std::vector<DecodeGroup>& groups, int64_t layer, double scale);

}  // namespace golong

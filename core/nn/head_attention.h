// ContextAttention by exchanging tokens for heads.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "core/nn/attention.h"
#include "core/nn/context_layout.h"
#include "core/parallel/group.h"

namespace golong::nn {

// Rows of all ranks that change places with heads. A rank has its rows of all heads, or the rows of all ranks of its
// heads.
struct HeadExchange {
  parallel::Group ranks;
  std::vector<int64_t> rows;  // of each rank
  at::Tensor order;           // [all rows] int64: where the row that comes i-th lies, rank after rank
  at::Tensor places;          // its inverse

  int64_t all_rows() const { return order.size(0); }
};

struct HeadPlan {
  HeadExchange tokens, prompts;  // prompts: the kept ones alone
  bool kept;
  std::vector<GroupLayout> groups;  // as group_attention takes them
  std::vector<int64_t> lengths;     // of all responses, as response_attention does
};

std::shared_ptr<const HeadPlan> make_head_plan(const std::vector<ContextLayout>& layouts, const parallel::Group& ranks,
                                               bool kept, at::Device device);

// prompt_k and prompt_v: of prompts that are not among the rows.
at::Tensor head_attention(const std::shared_ptr<const HeadPlan>& plan, const at::Tensor& q, const at::Tensor& k,
                          const at::Tensor& v, const std::optional<at::Tensor>& prompt_k,
                          const std::optional<at::Tensor>& prompt_v, double scale);

}  // namespace golong::nn

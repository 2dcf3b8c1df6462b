// ContextAttention by gathering the keys and values of prompts.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "core/nn/context_layout.h"
#include "core/nn/own_attention.h"
#include "core/parallel/group.h"

namespace golong::nn {

// Where everything lies, on this rank and in what is gathered: [C * longest] rows, those of one rank after the other.
struct GatherPlan {
  struct Rows {                   // of one group
    std::array<Chunk, 2> chunks;  // of this rank
    int64_t prompt_row;           // where they begin: in k and v, or in the kept prompts
    int64_t own_row;              // and among this rank's prompt tokens
    int64_t response_row, responses;
    std::vector<Chunk> gathered;  // each chunk of the prompt, in order: its row in what is gathered, and its tokens

    int64_t prompt_tokens() const { return chunks[0].tokens + chunks[1].tokens; }
  };
  parallel::Group ranks;
  bool kept;  // prompts are not among the rows
  std::vector<Rows> groups;
  std::vector<Piece> responses;
  int64_t longest = 0;  // the most prompt tokens of a rank
};

std::shared_ptr<const GatherPlan> make_gather_plan(const std::vector<ContextLayout>& layouts,
                                                   const parallel::Group& ranks, bool kept);

// prompt_k and prompt_v: of prompts that are not among the rows.
at::Tensor gathered_attention(const std::shared_ptr<const GatherPlan>& plan, const at::Tensor& q, const at::Tensor& k,
                              const at::Tensor& v, const std::optional<at::Tensor>& prompt_k,
                              const std::optional<at::Tensor>& prompt_v, double scale);

}  // namespace golong::nn

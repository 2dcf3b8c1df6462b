// One pass of the model over tokens whose keys and values live in pages: parts of prompts, responses that are computed
// again, the next token of each response.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/model/model.h"
#include "core/rollout/paged_attention.h"

namespace golong {

// The rows of one pass, in the order in which they are added.
class ForwardBatch {
 public:
  // Tokens from `start` on of a prompt.
  void add_prompt(const PageList& prompt, int64_t start, std::span<const int32_t> tokens);

  // Tokens from `start` on of a response. Responses to one prompt that are added one after the other read it together.
  void add_response(const PageList& prompt, const PageList& own, int64_t start, std::span<const int32_t> tokens);

  int64_t rows() const { return static_cast<int64_t>(ids_.size()); }

  // Hidden states of all rows [rows, C]. Their keys and values are in the pages afterwards.
  at::Tensor run(const Model& model, KvPages& pages) const;

 private:
  void add_tokens(std::span<const int32_t> tokens, int64_t position);

  std::vector<int64_t> ids_, positions_;
  std::vector<PagedGroup> groups_;
};

}  // namespace golong

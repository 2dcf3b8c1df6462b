// A group that is too large for one micro-batch: its prompt is computed once and kept, its responses are run part by
// part, and the prompt's backward pass comes last, with what all of them have added up to. The gradients are those of
// the whole group.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/data/group.h"
#include "core/model/model.h"
#include "core/nn/logprob.h"

namespace golong {

// Responses that are run together.
struct ResponseRange {
  size_t first, last;  // responses of the group, the last one not included
};

int64_t tokens_of(const Group& group, ResponseRange range);

// Parts of which each has at most `token_budget` tokens together with the prompt that is kept beside it, or a quarter
// of that where the prompt leaves less; at least one response each.
std::vector<ResponseRange> response_parts(const Group& group, int64_t token_budget);

// Holds the prompt's activations where gradients are on, but those of the first `recomputed` layers (Model::hidden).
// Not thread-safe.
class KeptPrompt {
 public:
  KeptPrompt(const Model& model, std::span<const int32_t> prompt, int64_t recomputed = 0);
  KeptPrompt(const KeptPrompt&) = delete;  // graphs refer to it
  KeptPrompt& operator=(const KeptPrompt&) = delete;

  // Of the response tokens of the range, one response after the other; at least one token. Its backward pass ends at
  // the prompt, which is still there and where it adds up.
  nn::TokenLogprobs logprobs(const Group& group, ResponseRange range, double temperature);

  // The backward pass of the prompt, once those of its responses are done.
  void backward();

 private:
  // What the prompt gave, and the leaf that stands for it in the responses' graphs.
  struct Kept {
    at::Tensor value, leaf;
  };
  class PromptAttention;
  class ResponseAttention;

  static Kept keep(const at::Tensor& value);

  const Model& model_;
  int64_t tokens_, recomputed_;
  std::vector<Kept> keys_, values_;  // by layer
  Kept last_;                        // hidden state of the last token [1, C]: it predicts the first of each response
};

}  // namespace golong

// A group that is too large for one micro-batch: its prompt is computed once and kept, its responses are run part by
// part, and the prompt's backward pass comes last, with what all of them have added up to. The gradients are those of
// the whole group. Context ranks keep a share of the prompt each, and run their own responses of each part.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/data/group.h"
#include "core/model/model.h"
#include "core/nn/context_attention.h"
#include "core/nn/logprob.h"
#include "core/train/passes.h"

namespace golong {

// Holds the prompt's activations where gradients are on, but those of the first `recomputed` layers (Model::hidden).
// All ranks of `context` make it of the same group and call the same functions with the same parts. Not thread-safe.
class KeptPrompt {
 public:
  // `group` lives as long as this; nullptr: a pass without tokens, in step with others.
  KeptPrompt(const Model& model, const Group* group, int64_t recomputed = 0, const nn::Context& context = {});
  KeptPrompt(const KeptPrompt&) = delete;  // graphs refer to it
  KeptPrompt& operator=(const KeptPrompt&) = delete;

  // The responses of a part that this rank computes: what the log-probabilities are of. None without a group.
  std::vector<Slice> slices(const Part& part) const;

  // Of the response tokens of slices(part), one response after the other; maybe of none. Its backward pass ends at the
  // prompt, which is still there and where it adds up.
  nn::TokenLogprobs logprobs(const Part& part, double temperature);

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
  nn::ContextLayout layout(const Part& part) const;

  const Model& model_;
  const Group* group_;
  nn::Context context_;
  int64_t tokens_, recomputed_;      // tokens of the whole prompt
  std::vector<Kept> keys_, values_;  // by layer, of this rank's tokens
  Kept last_;                        // hidden state of the last token [1, C]: it predicts the first of each response
};

}  // namespace golong

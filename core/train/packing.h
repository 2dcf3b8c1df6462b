// Groups laid out for one forward pass: [prompt | response 1 | ... | response n] one after the other, and the rows
// whose hidden states predict response tokens. Of a prompt only the last row is projected, once for the first tokens of
// all its responses; the last row of a response is not. Context ranks have a part of each group: some chunks of its
// prompt and some of its responses (nn/context_layout.h).
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "core/data/group.h"
#include "core/nn/attention.h"
#include "core/nn/context_attention.h"

namespace golong {

// Some responses of a group.
struct Slice {
  const Group* group;
  std::vector<size_t> responses;  // indices, ascending
};
int64_t tokens_of(const Slice& slice);

// Which responses of a group each context rank computes: indices by rank. It depends on nothing but the group.
std::vector<std::vector<size_t>> deal(const Group& group, int64_t contexts);

// What the attention of several context ranks needs.
struct PackedContext {
  nn::Context ranks;
  nn::ContextAttention attention;
  at::Tensor last_rows;  // [groups] int64, of rank 0's [T]: the last tokens of the prompts
};

// A packed micro-batch: the rows [T] that this rank computes, which may be none. Response tokens are numbered in the
// order of slices, responses and positions.
struct Packed {
  std::vector<Slice> slices;             // the responses that this rank computes, of each group
  std::vector<nn::GroupLayout> layouts;  // of whole groups; empty where there are several context ranks
  std::optional<PackedContext> context;  // where there are
  at::Tensor token_ids;                  // [T] int64
  at::Tensor positions;                  // [T] int64; a response goes on where its prompt ends
  // [R] int64, the row that predicts each response token: of [T], or with several context ranks of the groups' last
  // prompt rows and then those of [T] (predicting_rows of train/forward.h).
  at::Tensor rows;
  at::Tensor targets;      // [R] int64, the response tokens
  at::Tensor prompt_rows;  // rows of [T] that predict the prompts' own tokens (for supervised training on prompts too)
  at::Tensor prompt_targets;
};

// With `share_prefix` false each response stands behind a copy of its prompt, as if it were a group of its own. All
// ranks of `context` pack the same groups; there may be none, for a pass in step with others.
Packed pack(const std::vector<const Group*>& groups, at::Device device, bool share_prefix = true,
            const nn::Context& context = {});

// Tokens that a group takes in a Packed: of the one of several context ranks that has the most.
int64_t packed_tokens(const Group& group, bool share_prefix = true, int64_t contexts = 1);

// Whole groups in order, at most `token_budget` tokens in each part; a group larger than that goes alone.
std::vector<std::vector<const Group*>> split(const std::vector<const Group*>& groups, int64_t token_budget,
                                             bool share_prefix = true, int64_t contexts = 1);

}  // namespace golong

// Groups laid out for one forward pass: [prompt | response 1 | ... | response n] one after the other, and the rows
// whose hidden states predict response tokens. Of a prompt only the last row is projected, once for the first tokens of
// all its responses; the last row of a response is not.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/data/group.h"
#include "core/nn/attention.h"

namespace golong {

// A packed micro-batch. Response tokens are numbered in the order of groups, responses and positions.
struct Packed {
  std::vector<nn::GroupLayout> layouts;
  at::Tensor token_ids;    // [T] int64
  at::Tensor positions;    // [T] int64; a response goes on where its prompt ends
  at::Tensor rows;         // [R] int64, the row of [T] that predicts each response token
  at::Tensor targets;      // [R] int64, the response tokens
  at::Tensor prompt_rows;  // rows that predict the prompts' own tokens (for supervised training on prompts too)
  at::Tensor prompt_targets;
};

// With `share_prefix` false each response stands behind a copy of its prompt, as if it were a group of its own.
Packed pack(const std::vector<const Group*>& groups, at::Device device, bool share_prefix = true);

// Tokens that a group takes in a Packed.
int64_t packed_tokens(const Group& group, bool share_prefix = true);

// Whole groups in order, at most `token_budget` tokens in each part; a group larger than that goes alone.
std::vector<std::vector<const Group*>> split(const std::vector<const Group*>& groups, int64_t token_budget,
                                             bool share_prefix = true);

}  // namespace golong

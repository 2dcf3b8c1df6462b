// Log-probability of chosen tokens without a whole [tokens, vocabulary] matrix: logits are made tile by tile, and made
// again in the backward pass; on the CPU but for the last one, which is all of a small vocabulary.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/nn/logprob_tile.h"

namespace golong::nn {

struct TokenLogprobs {
  at::Tensor logprobs;  // [T] float32, with gradient to hidden and head
  at::Tensor entropy;   // [T] float32, of the same distribution, likewise
};

// hidden [T, C], head [V, C], targets [T] int64, each in [0, V). The logits are hidden head^T / temperature, natural
// logarithm. Peak memory depends neither on T nor on V, but for a copy of hidden's gradient: that of head is added to
// its .grad where it is a leaf (nn/leaf_gradient.h). Gradients are exact.
TokenLogprobs token_logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                             double temperature = 1.0, LogprobTile tile = {});

}  // namespace golong::nn

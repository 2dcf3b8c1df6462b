// Log-probability of chosen tokens without a whole [tokens, vocabulary] matrix: logits are made in chunks over tokens,
// and made again in the backward pass.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace golong::nn {

struct TokenLogprobs {
  at::Tensor logprobs;  // [T] float32, with gradient to hidden and head
  at::Tensor entropy;   // [T] float32, of the same distribution, likewise
};

// hidden [T, C], head [V, C], targets [T] int64, each in [0, V). The logits are hidden head^T / temperature, natural
// logarithm. `chunk` tokens at a time: peak memory is chunk * V floats. Gradients are exact.
TokenLogprobs token_logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                             double temperature = 1.0, int64_t chunk = 1024);

}  // namespace golong::nn

// The next tokens of many responses, drawn from rows of logits: on the CPU, or where the logits are.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/rollout/sampling.h"

namespace golong {

// What choose_token() needs to know of one.
struct TokenRequest {
  int64_t row;                    // of the logits
  std::span<const int32_t> seen;  // by a repetition penalty
  uint64_t noise_key;
};

// logits [rows, V] float32, dense. On a device with kernels of our own the plain rules are drawn there; penalties and
// cut-offs are the CPU's, to which the logits are copied.
std::vector<TokenChoice> choose_tokens(const at::Tensor& logits, const SamplingRule& rule,
                                       const std::vector<TokenRequest>& requests);

}  // namespace golong

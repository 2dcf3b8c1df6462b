// Rotary position embeddings as config.json describes them.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/model/shape.h"

namespace golong {

// Angle that each pair of dimensions turns for one position: [head_dim / 2], float32, step by step as transformers
// computes it, so that both have the same bits.
at::Tensor rope_frequencies(const RopeShape& rope, int64_t head_dim);

}  // namespace golong

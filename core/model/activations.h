// What the layers of a model keep for the backward pass, from its shape alone. Needs no LibTorch.
#pragma once
#include <cstdint>
#include <string>

#include "core/model/shape.h"

namespace golong {

// Bytes that a layer keeps of `tokens` packed tokens on the CPU: its input, and what its norms, products, attention and
// MLP save. `number_bytes`: of the model's dtype, 4 or 2.
int64_t kept_bytes(const ModelShape& shape, int64_t layer, int64_t tokens, int64_t number_bytes);

// The most that all layers keep at a time where the first `recomputed` of them keep their input alone: at the end of
// the forward pass, or while one of them runs again.
int64_t activation_bytes(const ModelShape& shape, int64_t recomputed, int64_t tokens, int64_t number_bytes);

// Beside them, the gradients of activations inside one layer while its backward pass runs.
int64_t backward_bytes(const ModelShape& shape, int64_t tokens, int64_t number_bytes);

// How many layers are recomputed: none ("off"), all, or ("auto") the fewest with which activation_bytes is within
// `budget`; all where none is few enough. The first ones: the others are done with when their turn comes.
int64_t recomputed_layers(const ModelShape& shape, int64_t tokens, int64_t number_bytes, const std::string& mode,
                          int64_t budget);

}  // namespace golong

// What the layers of a model keep for the backward pass, from its shape alone. Needs no LibTorch.
#pragma once
#include <cstdint>
#include <string>

#include "core/model/shape.h"

namespace golong {

// What runs a layer's operations, which decides about what they keep.
struct LayerKernels {
  int64_t number_bytes;  // of the model's dtype, 4 or 2
  bool fused_norms;      // a norm is one kernel, which keeps its input and a scale for each row
  bool fused;            // so are RoPE and SwiGLU, which keep their inputs; else LibTorch's operations, which keep more
  bool in_place;         // SwiGLU's gradients are written where its inputs were

  // Kernels of golong's own (nn/row_kernels.h).
  static LayerKernels cpu(int64_t number_bytes) { return {number_bytes, true, true, true}; }
  // `own`: built with nvcc, with kernels of golong's own. The norms are LibTorch's kernel.
  static LayerKernels cuda(int64_t number_bytes, bool own = true) { return {number_bytes, true, own, false}; }
};

// Bytes that a layer keeps of `tokens` packed tokens: its input, and what its norms, products, attention and MLP save.
int64_t kept_bytes(const ModelShape& shape, int64_t layer, int64_t tokens, const LayerKernels& kernels);

// Of its input alone, which is what a layer keeps that is recomputed.
int64_t input_bytes(const ModelShape& shape, int64_t tokens, const LayerKernels& kernels);

// The most that all layers keep at a time where the first `recomputed` of them keep their input alone: at the end of
// the forward pass, or while one of them runs again.
int64_t activation_bytes(const ModelShape& shape, int64_t recomputed, int64_t tokens, const LayerKernels& kernels);

// Beside what they keep, the gradients of activations inside a layer while its backward pass runs.
int64_t backward_bytes(const ModelShape& shape, int64_t layer, int64_t tokens, const LayerKernels& kernels);

// How many layers are recomputed: none ("off"), all, or ("auto") the fewest with which activation_bytes is within
// `budget`; all where none is few enough. The first ones: the others are done with when their turn comes.
int64_t recomputed_layers(const ModelShape& shape, int64_t tokens, const LayerKernels& kernels, const std::string& mode,
                          int64_t budget);

}  // namespace golong

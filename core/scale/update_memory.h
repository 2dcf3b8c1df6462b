// The memory of a forward and backward pass on one device, from the shapes alone.
#pragma once
#include <cstdint>

#include "core/config/config.h"
#include "core/model/activations.h"
#include "core/model/shape.h"
#include "core/nn/logprob_tile.h"

namespace golong {

// The longest group that there can be: tokens of its prompt and of each of its n responses.
struct LongestGroup {
  int64_t prompt, response, n;

  int64_t tokens(bool share_prefix) const { return (share_prefix ? prompt : n * prompt) + n * response; }
};

// What runs the pass.
struct UpdateKernels {
  LayerKernels layers;
  nn::LogprobTile tile;
  bool reuses;  // memory that is free serves whatever comes next: so on CUDA; of malloc it is not known beforehand

  static UpdateKernels cpu(int64_t number_bytes) { return {LayerKernels::cpu(number_bytes), nn::kCpuTile, false}; }
  static UpdateKernels cuda(int64_t number_bytes) { return {LayerKernels::cuda(number_bytes), nn::kCudaTile, true}; }
};

// Bytes at the moment when most is there: when the loss is known, and everything is kept; while a layer's backward pass
// runs, the later the fewer activations and the more gradients there are; or at the end. Where free memory is not used
// again, the most of each.
struct UpdateMemory {
  int64_t activations = 0;
  int64_t logprobs = 0;    // logits in tiles, hidden states
  int64_t gradients = 0;   // of a bfloat16 model, beside the float32 sums that they are added to afterwards
  int64_t tokens = 0;      // of the pass: those of a prompt and of its responses that are run together
  int64_t recomputed = 0;  // layers of it

  int64_t total() const { return activations + logprobs + gradients; }
};

// A pass of one process: all tokens and those of responses among them; of a prompt that is kept while its responses are
// run part by part, the part that runs beside it.
struct UpdatePass {
  int64_t tokens, response_tokens, kept_prompt = 0;
};

// `gradients_stay`: those of a pass until its end; else each layer's are given away when it is done.
UpdateMemory pass_memory(const UpdatePass& pass, const TrainConfig& train, const ModelShape& shape,
                         const UpdateKernels& kernels, bool gradients_stay = true);

// Of the largest pass that an update of one process has.
UpdateMemory update_memory(const TrainConfig& train, const ModelShape& shape, const LongestGroup& longest,
                           const UpdateKernels& kernels);

}  // namespace golong

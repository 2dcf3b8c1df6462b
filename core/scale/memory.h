// The memory that each rank of a mesh needs.
#pragma once
#include <cstdint>

#include "core/scale/device.h"
#include "core/scale/workload.h"

namespace golong::scale {

// Bytes on the rank that has most. The first three are always there; the others while the model is updated, or while
// responses are generated.
struct RankMemory {
  int64_t weights = 0;    // the rank's part; all of them where parallel.zero is below 3
  int64_t gradients = 0;  // their sums in float32, of the rank's part
  int64_t optimizer = 0;  // two moments, and of a bfloat16 model the weights in float32
  int64_t reference = 0;  // the frozen model of train.kl

  int64_t gathered = 0;     // embedding, head, two layers; gradients that are not split yet, or of the pass so far
  int64_t activations = 0;  // that layers keep, and gradients inside one
  int64_t prompt_keys = 0;  // context ranks: keys and values of the prompts of one layer, and their gradients
  int64_t logprobs = 0;     // logits in tiles, hidden states

  int64_t generator = 0;        // parallel.zero 3: all weights, of experts the rank's
  int64_t keys_and_values = 0;  // pages: all that rollout.kv_cache_bytes allows, on the CPU what is used of it

  int64_t host = 0;        // in the CPU's memory beside a CUDA device: the optimizer, with train.optimizer_device
  int64_t tokens = 0;      // of the largest forward and backward pass
  int64_t recomputed = 0;  // layers of it
  // Pages that the longest prompts and responses of a rank need at once, and those of one prompt with one response,
  // without which nothing can be generated.
  int64_t pages_wanted = 0, pages_least = 0;

  int64_t always() const { return weights + gradients + optimizer + reference; }
  int64_t updating() const { return always() + gathered + activations + prompt_keys + logprobs; }
  int64_t generating() const { return always() + generator + keys_and_values; }
  // On the CPU what one phase is done with counts in the other, too: it is not known what malloc finds of it again.
  int64_t total(bool on_cpu) const;
};

RankMemory rank_memory(const Workload& work, const ParallelConfig& mesh, const Device& device);

// Whether it fits, and pages hold a prompt and a response.
bool fits(const RankMemory& memory, const Device& device);

// Bytes of keys and values of so many tokens, in whole pages.
int64_t page_bytes(const ModelShape& shape, int64_t tokens, int64_t number_bytes);

}  // namespace golong::scale

// What a step of training does, and what of it one rank runs.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/model/activations.h"
#include "core/model/flops.h"
#include "core/model/shape.h"

namespace golong::scale {

// Tokens of a prompt and of each of its n responses.
struct GroupSize {
  int64_t prompt = 0, response = 0, n = 1;
  int64_t tokens() const { return prompt + n * response; }
  bool operator==(const GroupSize&) const = default;
};

struct Workload {
  ModelShape shape;
  std::optional<ModelShape> reference;  // the model of train.kl
  int64_t number_bytes = 2;             // of the model's dtype
  GroupSize longest;                    // that there can be: decides about memory
  GroupSize usual;                      // decides about time
  int64_t drawn = 0;                    // prompts that are generated for at a time; one such draw fills a step
  int64_t running = 0;                  // responses that a rank decodes together at most
  int64_t kv_bytes = 0;                 // rollout.kv_cache_bytes
  TrainConfig train;                    // how micro-batches are made, what is recomputed
  int64_t groups = 0;                   // of an optimizer step
  int64_t optimizer_steps = 1;          // of a step
  int64_t fixed_passes = 0;  // over the groups of an optimizer step, forward alone: log-probabilities that stay
  int64_t fixed_models = 0;  // whose log-probabilities these are: this one before its update, that of train.kl
  bool on_cpu = false;

  LayerKernels kernels() const { return on_cpu ? LayerKernels::cpu(number_bytes) : LayerKernels::cuda(number_bytes); }
  // Layers that are recomputed of a pass of so many tokens on a rank.
  int64_t recomputed(int64_t tokens) const {
    return recomputed_layers(shape, tokens, kernels(), train.recompute, train.activation_bytes);
  }
  // The groups as updates see them: with a prompt of its own each response is one.
  GroupSize update_group(const GroupSize& size) const {
    return train.share_prefix ? size : GroupSize{size.prompt, size.response, 1};
  }
  int64_t update_groups() const { return train.share_prefix ? groups : groups * longest.n; }
};

// One kind of pass over the model, as often as a rank makes it in an optimizer step. Ranks make the same passes; one
// that has nothing to do makes them without tokens.
struct Pass {
  int64_t times = 0;
  int64_t groups = 0;     // whose prompts are seen
  bool prompts = false;   // these prompts are computed; else their keys and values are kept from a pass before
  int64_t responses = 0;  // of each group, on the context rank that has most of them
  bool operator==(const Pass&) const = default;
};

// Of an optimizer step, for groups that all have this size, each with a forward and a backward pass. A context rank has
// train.micro_batch_tokens in a pass.
std::vector<Pass> passes_of(const Workload& work, const GroupSize& size, const ParallelConfig& mesh);

// Tokens of a prompt that a context rank computes: chunks `rank` and 2 N - 1 - rank of 2 N (nn/context_layout.h); and
// those of the rank that has most.
int64_t prompt_rows(int64_t prompt, int64_t rank, int64_t ranks);
int64_t most_prompt_rows(int64_t prompt, int64_t ranks);

// What a pass is on the context rank that has most of it.
PassSize rank_share(const Pass& pass, const GroupSize& size, const ParallelConfig& mesh);

// Product of the mesh, and parts of a batch.
int64_t ranks_of(const ParallelConfig& mesh);
int64_t parts_of(const ParallelConfig& mesh);

}  // namespace golong::scale

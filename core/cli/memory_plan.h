// The memory that a training takes, from its config and the shape of its model: what `golong plan` prints. Nothing is
// read but config.json.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/model/shape.h"

namespace golong {

// Bytes of a part while responses are generated and while the model is updated.
struct MemoryPart {
  std::string name;  // "activations", as in the JSON
  int64_t generating, updating;
  std::string how;  // what it is made of, for people

  int64_t bytes() const { return std::max(generating, updating); }
};

struct MemoryPlan {
  std::vector<MemoryPart> parts;  // in the memory of model.device
  std::vector<MemoryPart> host;   // in the CPU's memory beside a CUDA device
  int64_t tokens = 0;             // of the largest forward and backward pass
  int64_t recomputed = 0;         // layers of it

  int64_t generating() const;
  int64_t updating() const;
  int64_t total() const { return std::max(generating(), updating()); }  // that model.device needs
};

// Of `golong train` with prompts of data.max_prompt_tokens and groups of rollout.n responses of
// rollout.max_response_tokens, the longest that there can be; `memory`: bytes of the machine or of the
// device, of which rollout.kv_cache_bytes 0 takes half or a third. `reference`: the model of train.kl, where there is
// one.
MemoryPlan plan_memory(const Config& config, const ModelShape& shape, const std::optional<ModelShape>& reference,
                       int64_t memory);

}  // namespace golong

// The memory that a training takes, from its config and the shape of its model: what `golong plan` prints. Nothing is
// read but config.json.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/model/shape.h"

namespace golong {

struct MemoryPart {
  std::string name;  // "activations", as in the JSON
  int64_t bytes;
  std::string how;  // what it is made of, for people
};

struct MemoryPlan {
  std::vector<MemoryPart> parts;  // that are there together
  int64_t tokens = 0;             // of the largest forward and backward pass
  int64_t recomputed = 0;         // layers of it
  int64_t total() const;
};

// Of `golong train` with prompts of data.max_prompt_tokens and groups of rollout.n responses of
// rollout.max_response_tokens, the longest that there can be; `memory`: bytes of the machine or of the
// device, of which rollout.kv_cache_bytes 0 takes half or a third. `reference`: the model of train.kl, where there is
// one.
MemoryPlan plan_memory(const Config& config, const ModelShape& shape, const std::optional<ModelShape>& reference,
                       int64_t memory);

}  // namespace golong

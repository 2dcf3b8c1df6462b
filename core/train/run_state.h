// What a run goes on from: everything that decides about its next step, as a checkpoint keeps it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/pieces.h"
#include "core/config/config.h"
#include "core/config/difference.h"
#include "core/model/sharded_states.h"
#include "core/plugin/normalizer.h"
#include "core/train/collector.h"
#include "core/train/learner.h"
#include "core/train/reference.h"
#include "core/train/workspace.h"

namespace golong {

// Weights as a checkpoint stores them: all, or the parts that this rank keeps, if it is of the first replica; with them
// `optimizer`, its moments and master weights. `states` may be nullptr.
struct StoredStates {
  NamedTensors weights, optimizer;
};
StoredStates states_to_store(const Model& model, const AdamW& optimizer, const ShardedStates* states);

// Puts weights back, from whatever parts they were stored in. Throws Error where some are missing or of another shape.
void restore_weights(Model& model, ShardedStates* states, const Pieces& stored);

// The parts of a run, which outlive it.
struct RunState {
  const Config& config;
  const Workspace& work;
  const Reference& reference;
  const plugin::Normalizer& normalizer;
  Collector& collector;
  Learner& learner;
  ShardedStates* states;  // of the model where ranks split them, or nullptr

  // As it is after `step`; its tensors are the run's own: the parts that this rank keeps.
  Snapshot take(int64_t step, const Metrics& metrics) const;

  // Puts everything back. Throws Error where the run cannot go on from it, which names the keys of the config that
  // changed with both values; keys that may change are logged.
  void restore(const Snapshot& snapshot) const;
};

}  // namespace golong

// How a training run of many ranks begins: they meet, see that they mean the same, and take their places in the mesh.
#pragma once
#include <memory>

#include "core/config/config.h"
#include "core/parallel/agreement.h"
#include "core/parallel/mesh.h"
#include "core/parallel/watch.h"
#include "core/parallel/world.h"
#include "core/plugin/registry.h"
#include "core/rollout/engine.h"

namespace golong {

// The device of this rank: "cuda" alone is that of its number on this machine.
std::string device_of_rank(const Config& config, const parallel::Rank& rank);

// Waits for all ranks. Opens the device where it is CUDA, for its ranks speak through NCCL.
std::shared_ptr<parallel::World> open_world(const Config& config);

// The config with the rank's device, and with its part of the machine's cores for scoring.
Config config_of_rank(Config config, const parallel::Rank& rank);

// As the config says; where it does not, keys and values have their share of a machine that several ranks are on.
EngineOptions engine_options_of_rank(const Config& config, const Model& model, const parallel::Rank& rank);

parallel::WatchOptions watch_options(const ParallelConfig& config);
parallel::MeshShape mesh_shape(const ParallelConfig& config);

// What all ranks have to have in common: golong, --resume, every key of the config, the plugins and their versions, the
// data, and what the model's files begin and end with.
parallel::Facts facts_of(const Config& config, const plugin::Registry& registry, bool resume);

}  // namespace golong

// What a config says to the engine.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "core/config/config.h"
#include "core/rollout/engine.h"

namespace golong {

EngineOptions engine_options(const RolloutConfig& config);
Sampling train_sampling(const Config& config, std::vector<int32_t> stop_ids,
                        const std::shared_ptr<const Tokenizer>& tokenizer);
Sampling eval_sampling(const Config& config, std::vector<int32_t> stop_ids,
                       const std::shared_ptr<const Tokenizer>& tokenizer);

}  // namespace golong

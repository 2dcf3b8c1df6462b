// How many prompts GRPO draws and generates for at a time. Needs no LibTorch.
#pragma once
#include <cstdint>

#include "core/config/config.h"

namespace golong {

inline int64_t draw_size(const TrainConfig& train) {
  if (!train.filter_groups) return train.prompts_per_step;
  return train.generation_prompts > 0 ? train.generation_prompts : 4 * train.prompts_per_step;
}

}  // namespace golong

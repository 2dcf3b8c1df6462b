// How many prompts GRPO draws and generates for at a time, and how many steps a run makes of its rows. Needs no
// LibTorch.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/config/config.h"

namespace golong {

inline int64_t draw_size(const TrainConfig& train) {
  if (!train.filter_groups) return train.prompts_per_step;
  return train.generation_prompts > 0 ? train.generation_prompts : 4 * train.prompts_per_step;
}

// Steps of a run over a dataset of so many rows: train.steps, or as many as train.epochs give.
inline int64_t total_steps(const TrainConfig& train, size_t rows) {
  if (train.steps > 0) return train.steps;
  return std::max<int64_t>(1, train.epochs * static_cast<int64_t>(rows) / draw_size(train));
}

}  // namespace golong

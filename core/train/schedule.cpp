#include "core/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace golong {

double Schedule::at(int64_t step) const {
  if (step < warmup_steps) return highest * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  if (decay == "none" || steps == 0) return highest;
  double done =
      static_cast<double>(step - warmup_steps) / static_cast<double>(std::max<int64_t>(steps - warmup_steps, 1));
  done = std::min(done, 1.0);
  double left = decay == "linear" ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done));
  return lowest + (highest - lowest) * left;
}

}  // namespace golong

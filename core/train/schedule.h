// Learning rates over a training.
#pragma once
#include <cstdint>
#include <string>

namespace golong {

// Linear warm-up to the highest rate, then the decay.
struct Schedule {
  double highest = 0;
  double lowest = 0;  // where the decay ends, after the last step
  int64_t warmup_steps = 0;
  int64_t steps = 0;           // of the whole training, warm-up included; 0: not known, no decay
  std::string decay = "none";  // "none": stays the highest; "linear"; "cosine": half a period

  double at(int64_t step) const;  // step from 0; past the end: the lowest
};

}  // namespace golong

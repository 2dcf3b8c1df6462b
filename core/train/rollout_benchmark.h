// `golong bench rollout`, on one rank or several.
#pragma once
#include <string>

#include "core/train/api.h"

namespace golong {

// JSON of what core/rollout/benchmark.h measures. Of several ranks the first one has it, the others "".
std::string bench_rollout(const RolloutBenchOptions& options);

}  // namespace golong

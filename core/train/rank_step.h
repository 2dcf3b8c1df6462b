// What ranks tell each other when a step has ended: how long each stood still, and whether those that hold the same
// weights still do.
#pragma once
#include <cstdint>

#include "core/parallel/mesh.h"
#include "core/report/metrics.h"

namespace golong {

// Of one rank.
struct RankStep {
  double wait_seconds, sent_bytes, peak_memory_bytes;
  int64_t weights;  // ShardedStates::fingerprint
};

// All ranks call it together: metrics of the ranks and the peak memory of any. Throws ErrorOfAll that names replicas
// whose weights differ.
Metrics rank_metrics(const parallel::Mesh& mesh, int64_t step, const RankStep& mine);

}  // namespace golong

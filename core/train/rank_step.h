// What ranks tell each other when a step has ended: how long each stood still, and whether those that hold the same
// weights still do.
#pragma once
#include <cstdint>

#include "core/base/rank_errors.h"
#include "core/parallel/mesh.h"
#include "core/report/metrics.h"

namespace golong {

// Of one rank.
struct RankStep {
  double wait_seconds, sent_bytes, peak_memory_bytes;
  int64_t fingerprint;  // of its weights (ShardedStates::fingerprint), where there are replicas
};

// The weights are not what they should be, on one rank at least: they must not be saved.
class ReplicasDiffer : public ErrorOfAll {
 public:
  using ErrorOfAll::ErrorOfAll;
};

// All ranks call it together: gives metrics of the ranks and the peak memory of any. Throws ReplicasDiffer that names
// two.
Metrics exchange_step(const parallel::Mesh& mesh, int64_t step, const RankStep& mine);

}  // namespace golong

// How long a draw takes to generate, predicted: prompts bound by products, tokens by what has to be read for each.
#pragma once
#include <cstdint>

#include "core/scale/device.h"
#include "core/scale/workload.h"

namespace golong::scale {

struct Generation {
  double seconds = 0;
  int64_t together = 0;  // responses that a rank decodes together
};

// Of the rank with most prompts; each rank computes whole prompts with all weights. So many responses run together as
// fit into `kv_bytes` at their full length with their prompts, so that none gives way.
Generation generation_seconds(const Workload& work, const ParallelConfig& mesh, const Devices& devices,
                              int64_t kv_bytes);

// Seconds of one token for each of `together` responses, half of which is there.
double decode_seconds(const Workload& work, const ParallelConfig& mesh, const Devices& devices, int64_t together);

}  // namespace golong::scale

// What this machine's device does at best, and the links between ranks: what `golong bench device` measures and `golong
// plan --devices FILE` computes with (core/scale/device.h).
#pragma once
#include <cstdint>
#include <vector>

#include "core/parallel/group.h"
#include "core/train/api.h"

namespace golong {

// Floating-point operations a second of causal attention over as many tokens, 8 query heads and 2 of keys.
struct AttentionSpeed {
  int64_t head_dim = 0, tokens = 0;
  double forward = 0, backward = 0;
};

struct DeviceSpeed {
  double matmul = 0;     // floating-point operations a second
  double bandwidth = 0;  // bytes a second that memory is read with
  std::vector<AttentionSpeed> attention;
};
DeviceSpeed measure_device(at::ScalarType dtype, at::Device device);

// Between the ranks of a group, which all call it.
struct LinkSpeed {
  double small_seconds = 0;                        // of a gather of one number from each rank
  double gather = 0, sum_parts = 0, exchange = 0;  // bytes a second that a rank sends, of large tensors
};
LinkSpeed measure_links(const parallel::Group& ranks, at::Device device);

// JSON of this rank where it is the first, "" of others. Ranks are those of the environment (parallel/rank.h); all
// measure at once, so that what they share counts.
std::string bench_device(const DeviceBenchOptions& options);

}  // namespace golong

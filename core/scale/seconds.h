// How long a step takes on a mesh, predicted.
//
// Computing takes FLOPs over the rate that golong reaches (scale/device.h). Links take bytes over bandwidth, and for
// each operation a start and a hop for each rank of its ring. What is waited for: weights and gradients of layers go
// while layers compute, so that of them only what takes longer than the computing of the same kind of passes does; all
// other operations (keys and values, rows of experts, the first unit, sums between replicas, weights to generate with)
// are waited for whole.
#pragma once
#include <cstdint>

#include "core/scale/device.h"
#include "core/scale/traffic.h"
#include "core/scale/workload.h"

namespace golong::scale {

struct StepSeconds {
  double generate = 0;       // of the slowest rank: prompts, then one token after the other; of experts their rows, too
  double score = 0;          // on one CPU core a rank
  double forward = 0;        // with passes for log-probabilities that stay
  double backward = 0;       // with what is recomputed
  double optimizer = 0;      // AdamW
  double communication = 0;  // that is waited for, beside generating
  double hidden = 0;         // communication behind computing; not in the total

  int64_t together = 0;  // responses that a rank decodes together

  double total() const { return generate + score + forward + backward + optimizer + communication; }
};

// `kv_bytes`: room for pages. `devices`: of a node.
StepSeconds step_seconds(const Workload& work, const ParallelConfig& mesh, const Devices& devices, int64_t kv_bytes);

// What a rank sends in a step, where routers love all experts alike.
struct StepTraffic {
  StateTraffic states;
  Sent context, experts;  // in passes of the update
  int64_t bytes() const;
};
StepTraffic step_traffic(const Workload& work, const ParallelConfig& mesh);
// All of the update, gradient norms included; nothing of generating.
int64_t update_bytes(const Workload& work, const ParallelConfig& mesh);

// Which ranks an operation is between, by where they stand: ranks of a group, and those of them in one node.
struct Span {
  int64_t ranks = 1, in_node = 1;
  bool operator==(const Span&) const = default;
};
enum class Among { replica, expert_replica, replicas, context, expert };
Span span_of(const ParallelConfig& mesh, Among among, int64_t devices_of_node);

// Seconds of operations of rings, and of exchanges.
double ring_seconds(const Sent& sent, const Span& span, const Device& device);
double exchange_seconds(const Sent& sent, const Span& span, const Device& device);

}  // namespace golong::scale

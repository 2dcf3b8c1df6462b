#include "core/scale/seconds.h"

#include <algorithm>
#include <cmath>

#include "core/scale/generation.h"
#include "core/scale/memory.h"

namespace golong::scale {
namespace {

// Of a response of 16K tokens the slowest reward that was measured takes 4.2 ms of one core (rouge_l,
// docs/benchmarks.md, "Rewards"); others a hundredth of that.
constexpr double kScoreSecondsOfToken = 4.2e-3 / 16384;

// Bytes of a parameter that AdamW reads and writes: gradient, two moments and weight in float32, and of a bfloat16
// model its weight.
double adamw_bytes(int64_t number_bytes) { return number_bytes == 4 ? 28 : 30; }

struct UpdateFlops {
  double forward = 0, again = 0;  // of an optimizer step's passes; of what is recomputed
};

UpdateFlops update_flops(const Workload& work, const ParallelConfig& mesh) {
  const GroupSize size = work.update_group(work.usual);
  UpdateFlops flops;
  for (const Pass& pass : passes_of(work, work.usual, mesh)) {
    PassSize share = rank_share(pass, size, mesh);
    const auto times = static_cast<double>(pass.times);
    flops.forward += times * forward_flops(work.shape, share);
    share.projected = 0;  // the head is not recomputed
    const int64_t layers = work.recomputed(static_cast<int64_t>(share.tokens));
    flops.again +=
        times * forward_flops(work.shape, share) * static_cast<double>(layers) / static_cast<double>(work.shape.layers);
  }
  return flops;
}

PassCount pass_count(const Workload& work, const std::vector<Pass>& passes) {
  int64_t times = 0;
  for (const Pass& pass : passes) times += pass.times;
  return {times * (work.optimizer_steps + work.fixed_passes), times * work.optimizer_steps, work.optimizer_steps,
          work.optimizer_steps + work.fixed_models};
}

}  // namespace

StepTraffic step_traffic(const Workload& work, const ParallelConfig& mesh) {
  const GroupSize size = work.update_group(work.usual);
  const std::vector<Pass> passes = passes_of(work, work.usual, mesh);
  StepTraffic traffic;
  traffic.states = state_traffic(work.shape, mesh, work.number_bytes, pass_count(work, passes));
  for (const Pass& pass : passes) {
    const auto tokens = static_cast<int64_t>(rank_share(pass, size, mesh).tokens);
    const int64_t away = expected_rows_away(work.shape, tokens, mesh.expert);
    ContextPass context{std::vector<int64_t>(static_cast<size_t>(pass.groups), size.prompt), !pass.prompts, tokens,
                        tokens * mesh.context};
    for (const bool backward : {true, false}) {
      const int64_t times = pass.times * (backward ? work.optimizer_steps : work.fixed_passes);
      context.backward = backward;
      context.recomputed = work.recomputed(tokens);
      traffic.context.add(context_traffic(work.shape, mesh, work.number_bytes, context), times);
      traffic.experts.add(expert_traffic(work.shape, mesh, work.number_bytes, away, backward, context.recomputed),
                          times);
    }
  }
  return traffic;
}

int64_t StepTraffic::bytes() const {
  int64_t bytes = context.bytes + experts.bytes;
  for (const Sent& sent : {states.weights, states.gradients, states.expert_weights, states.expert_gradients,
                           states.generation, states.expert_generation, states.replicas}) {
    bytes += sent.bytes;
  }
  return bytes;
}

int64_t update_bytes(const Workload& work, const ParallelConfig& mesh) {
  const StepTraffic traffic = step_traffic(work, mesh);
  Sent norm = gather_sent(8, mesh.shard * mesh.context * mesh.expert);  // of an optimizer step
  norm.add(gather_sent(8, mesh.replicate));
  return traffic.bytes() - traffic.states.generation.bytes - traffic.states.expert_generation.bytes +
         work.optimizer_steps * norm.bytes;
}

Span span_of(const ParallelConfig& mesh, Among among, int64_t devices_of_node) {
  const bool context = among != Among::replicas && among != Among::expert;
  const bool expert = among == Among::replica || among == Among::expert;
  const bool shard = among == Among::replica || among == Among::expert_replica;
  Span span{0, 0};
  for (int64_t r = 0; r < (among == Among::replicas ? mesh.replicate : 1); ++r) {
    for (int64_t s = 0; s < (shard ? mesh.shard : 1); ++s) {
      for (int64_t e = 0; e < (expert ? mesh.expert : 1); ++e) {
        for (int64_t c = 0; c < (context ? mesh.context : 1); ++c) {
          const int64_t rank = ((r * mesh.shard + s) * mesh.expert + e) * mesh.context + c;
          ++span.ranks;
          span.in_node += rank < devices_of_node;
        }
      }
    }
  }
  return span;
}

// A ring enters and leaves each node once; rings begin at all ranks of a node, so that these use their network
// together.
double ring_seconds(const Sent& sent, const Span& span, const Device& device) {
  if (span.ranks == 1 || sent.operations == 0) return 0;
  const bool leaves = span.in_node < span.ranks;
  const auto in_node = static_cast<double>(span.in_node);
  double bandwidth = span.in_node > 1 ? device.inside.bandwidth : device.between.bandwidth;
  if (leaves) bandwidth = std::min(bandwidth, in_node * device.between.bandwidth);
  const double nodes = leaves ? std::ceil(static_cast<double>(span.ranks) / in_node) : 0;
  const double hops = nodes * device.between.hop_seconds +
                      (static_cast<double>(span.ranks) - 1 - std::max(nodes - 1, 0.0)) * device.inside.hop_seconds;
  return static_cast<double>(sent.bytes) / bandwidth +
         static_cast<double>(sent.operations) * (device.start_seconds + hops);
}

// Each sends to all others at once, by its own links.
double exchange_seconds(const Sent& sent, const Span& span, const Device& device) {
  if (span.ranks == 1 || sent.operations == 0) return 0;
  const double others = static_cast<double>(span.ranks - 1), far = static_cast<double>(span.ranks - span.in_node);
  const auto bytes = static_cast<double>(sent.bytes);
  double seconds = bytes * (others - far) / others / device.inside.bandwidth;
  if (far > 0) seconds = std::max(seconds, bytes * far / others / device.between.bandwidth);
  const double hop = far > 0 ? device.between.hop_seconds : device.inside.hop_seconds;
  return seconds + static_cast<double>(sent.operations) * (device.start_seconds + hop);
}

StepSeconds step_seconds(const Workload& work, const ParallelConfig& mesh, const Devices& devices, int64_t kv_bytes) {
  const Device& device = devices.device;
  const bool has_experts = work.shape.experts.count > 0;
  const double rate = device.flops * kUpdateShare * (has_experts ? kExpertShare : 1);
  const auto steps = static_cast<double>(work.optimizer_steps), fixed = static_cast<double>(work.fixed_passes);
  const UpdateFlops flops = update_flops(work, mesh);
  StepSeconds seconds;
  const Generation generation = generation_seconds(work, mesh, devices, kv_bytes);
  seconds.generate = generation.seconds;
  seconds.together = generation.together;
  const auto responses = static_cast<double>(work.drawn * work.longest.n * work.usual.response);
  seconds.score = responses * kScoreSecondsOfToken / static_cast<double>(ranks_of(mesh));
  seconds.forward = (steps + fixed) * flops.forward / rate;
  seconds.backward = steps * (2 * flops.forward + flops.again) / rate;
  seconds.optimizer =
      steps * static_cast<double>(own_parameters(work.shape, mesh)) * adamw_bytes(work.number_bytes) / device.bandwidth;

  const StepTraffic traffic = step_traffic(work, mesh);
  const StateTraffic& states = traffic.states;
  const auto ring = [&](const Sent& sent, Among among) {
    return ring_seconds(sent, span_of(mesh, among, devices.count), device);
  };
  // Of weights so much goes with forward passes; the rest, and the gradients, with backward passes.
  const double ahead = (steps + fixed) / (2 * steps + fixed);
  const double weights = ring(states.weights, Among::replica) + ring(states.expert_weights, Among::expert_replica);
  const double gradients =
      ring(states.gradients, Among::replica) + ring(states.expert_gradients, Among::expert_replica);
  const double forward = mesh.zero == 3 ? ahead * weights : 0, backward = weights - forward + gradients;
  const double exposed = std::max(forward - seconds.forward, 0.0) + std::max(backward - seconds.backward, 0.0);
  seconds.hidden = forward + backward - exposed;
  const Span context = span_of(mesh, Among::context, devices.count);
  seconds.communication = exposed + ring(states.generation, Among::replica) +
                          ring(states.expert_generation, Among::expert_replica) +
                          ring(states.replicas, Among::replicas) +
                          (mesh.context_method == "heads" ? exchange_seconds(traffic.context, context, device)
                                                          : ring_seconds(traffic.context, context, device)) +
                          exchange_seconds(traffic.experts, span_of(mesh, Among::expert, devices.count), device);
  return seconds;
}

}  // namespace golong::scale

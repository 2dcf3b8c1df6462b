#include "core/scale/traffic.h"

#include <algorithm>

#include "core/model/parameter_count.h"
#include "core/scale/workload.h"

namespace golong::scale {
namespace {

int64_t expert_layers(const ModelShape& shape, int64_t first_layers) {
  int64_t count = 0;
  for (int64_t layer = 0; layer < first_layers; ++layer) count += shape.experts.in_layer(layer);
  return count;
}

int64_t replica_ranks(const ParallelConfig& mesh) { return mesh.shard * mesh.context * mesh.expert; }
int64_t expert_replica_ranks(const ParallelConfig& mesh) { return mesh.shard * mesh.context; }

// Both parts of units, gathered or summed in parts as often as each of them is.
struct UnitsSent {
  Sent plain, experts;

  void add(const Unit& unit, const ParallelConfig& mesh, int64_t number_bytes, int64_t times) {
    const int64_t ranks = replica_ranks(mesh), expert_ranks = expert_replica_ranks(mesh);
    plain.add(gather_sent(part_of(unit.plain, ranks) * number_bytes, ranks), times);
    experts.add(gather_sent(part_of(unit.experts, expert_ranks) * number_bytes, expert_ranks), times);
  }
};

}  // namespace

int64_t part_of(int64_t count, int64_t ranks) { return (count + ranks - 1) / ranks; }

Sent gather_sent(int64_t part_bytes, int64_t ranks) {
  if (ranks == 1 || part_bytes == 0) return {};
  return {part_bytes * (ranks - 1), 1};
}

Sent sum_sent(int64_t bytes, int64_t ranks) {
  if (ranks == 1 || bytes == 0) return {};
  return {2 * bytes * (ranks - 1) / ranks, 1};
}

std::vector<Unit> units_of(const ModelShape& shape, int64_t expert_ranks) {
  std::vector<Unit> units{{shape.vocabulary * shape.hidden * (shape.tied ? 1 : 2) + shape.hidden, 0}};
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    const int64_t all = layer_parameter_count(shape, layer);
    const int64_t experts =
        shape.experts.in_layer(layer) ? 3 * shape.experts.count * shape.hidden * shape.experts.intermediate : 0;
    units.push_back({all - experts, experts / expert_ranks});
  }
  return units;
}

int64_t own_parameters(const ModelShape& shape, const ParallelConfig& mesh) {
  int64_t count = 0;
  for (const Unit& unit : units_of(shape, mesh.expert)) {
    count += part_of(unit.plain, replica_ranks(mesh)) + part_of(unit.experts, expert_replica_ranks(mesh));
  }
  return count;
}

int64_t whole_parameters(const ModelShape& shape, const ParallelConfig& mesh) {
  int64_t count = 0;
  for (const Unit& unit : units_of(shape, mesh.expert)) count += unit.plain + unit.experts;
  return count;
}

StateTraffic state_traffic(const ModelShape& shape, const ParallelConfig& mesh, int64_t number_bytes,
                           const PassCount& passes) {
  UnitsSent weights, gradients, generation;
  Sent replicas;
  bool root = true;
  for (const Unit& unit : units_of(shape, mesh.expert)) {
    const int64_t steps = passes.optimizer_steps;
    const int64_t gathered = root ? passes.holds : passes.forward + passes.backward;
    weights.add(unit, mesh, number_bytes, mesh.zero == 3 ? gathered : steps);
    gradients.add(unit, mesh, 4, mesh.zero >= 2 && !root ? passes.backward : steps);
    if (mesh.zero == 3) generation.add(unit, mesh, number_bytes, 1);
    const int64_t own = part_of(unit.plain, replica_ranks(mesh)),
                  own_experts = part_of(unit.experts, expert_replica_ranks(mesh));
    replicas.add(sum_sent(own * 4, mesh.replicate), steps);
    replicas.add(sum_sent(own_experts * 4, mesh.replicate), steps);
    root = false;
  }
  return {weights.plain,    gradients.plain,    weights.experts, gradients.experts,
          generation.plain, generation.experts, replicas};
}

namespace {

// A forward pass through one layer's attention, and the backward pass.
struct LayerSent {
  Sent forward, backward;
};

LayerSent gathered_prompts(const ModelShape& shape, int64_t ranks, int64_t number_bytes, const ContextPass& pass) {
  int64_t longest = 0;  // the most prompt tokens of a rank; others send as many
  for (int64_t rank = 0; rank < ranks; ++rank) {
    int64_t rows = 0;
    for (const int64_t prompt : pass.prompts) rows += prompt_rows(prompt, rank, ranks);
    longest = std::max(longest, rows);
  }
  const int64_t numbers = longest * 2 * shape.kv_heads * shape.head_dim;
  LayerSent sent{gather_sent(numbers * number_bytes, ranks), {}};
  sent.backward = sent.forward;
  sent.backward.add(gather_sent(numbers * 4, ranks));
  return sent;
}

LayerSent exchanged_heads(const ModelShape& shape, int64_t ranks, int64_t number_bytes, const ContextPass& pass) {
  // Of `heads` in all: a rank's rows go to the ranks that have the others', or other ranks' rows of its heads to them.
  const auto head_bytes = [&](int64_t heads) { return heads / ranks * shape.head_dim * number_bytes; };
  const auto to_heads = [&](int64_t heads, int64_t rows) { return head_bytes(heads) * rows * (ranks - 1); };
  const auto to_tokens = [&](int64_t heads, int64_t others) { return head_bytes(heads) * others; };
  const int64_t given = shape.heads + 2 * shape.kv_heads, others = pass.all_rows - pass.rows;
  LayerSent sent;
  sent.forward = {to_heads(given, pass.rows) + to_tokens(shape.heads, others), 4};
  sent.backward = {to_heads(shape.heads, pass.rows) + to_tokens(given, others), 4};
  if (pass.kept) {
    int64_t own = 0, all = 0;
    for (const int64_t prompt : pass.prompts) {
      own += prompt_rows(prompt, pass.rank, ranks);
      all += prompt;
    }
    sent.forward.add({to_heads(2 * shape.kv_heads, own), 2});
    sent.backward.add({to_tokens(2 * shape.kv_heads, all - own), 2});
  }
  return sent;
}

}  // namespace

Sent context_traffic(const ModelShape& shape, const ParallelConfig& mesh, int64_t number_bytes,
                     const ContextPass& pass) {
  const int64_t ranks = mesh.context;
  if (ranks == 1) return {};
  const LayerSent layer = mesh.context_method == "heads" ? exchanged_heads(shape, ranks, number_bytes, pass)
                                                         : gathered_prompts(shape, ranks, number_bytes, pass);
  Sent all;
  all.add(layer.forward, shape.layers + (pass.backward ? pass.recomputed : 0));
  if (pass.backward) all.add(layer.backward, shape.layers);
  if (pass.kept || pass.prompts.empty()) return all;
  const int64_t last_rows = static_cast<int64_t>(pass.prompts.size()) * shape.hidden;
  all.add({pass.rank == 0 ? last_rows * number_bytes : 0, 1});
  if (pass.backward) all.add(sum_sent(last_rows * 4, ranks));
  return all;
}

int64_t expected_rows_away(const ModelShape& shape, int64_t tokens, int64_t expert_ranks) {
  const int64_t rows = tokens * shape.experts.per_token;
  return rows - rows / expert_ranks;
}

Sent expert_traffic(const ModelShape& shape, const ParallelConfig& mesh, int64_t number_bytes, int64_t rows_away,
                    bool backward, int64_t recomputed) {
  if (mesh.expert == 1 || shape.experts.count == 0) return {};
  const int64_t counts = 8 * (shape.experts.count - shape.experts.count / mesh.expert);
  const Sent there_and_back{2 * rows_away * shape.hidden * number_bytes, 2};
  Sent forward = there_and_back, all;
  forward.add({counts, 1});
  all.add(forward, expert_layers(shape, shape.layers) + (backward ? expert_layers(shape, recomputed) : 0));
  if (backward) {
    all.add(there_and_back, expert_layers(shape, shape.layers));
    all.add(gather_sent(8, mesh.expert));  // how many layers each recomputes
  }
  return all;
}

}  // namespace golong::scale

#include "core/scale/traffic.h"

#include "core/model/parameter_count.h"

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
    const bool each_pass = mesh.zero == 3 && !root;
    weights.add(unit, mesh, number_bytes, each_pass ? passes.forward + passes.backward : steps);
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

Sent context_traffic(const ModelShape& shape, const ParallelConfig& mesh, int64_t number_bytes,
                     const ContextPass& pass) {
  if (mesh.context == 1) return {};
  Sent layer, again;  // of each layer, and of one that is recomputed
  const int64_t d = shape.head_dim, ranks = mesh.context;
  if (mesh.context_method == "heads") {
    const int64_t bytes = pass.rows * (2 * shape.heads + 2 * shape.kv_heads) * d * number_bytes;
    const Sent once{bytes - bytes / ranks, 4};
    layer.add(once, pass.backward ? 2 : 1);
    again = once;
  } else {
    int64_t rows = 0;
    for (const int64_t prompt : pass.prompts) rows += 2 * part_of(prompt, 2 * ranks);
    const int64_t numbers = rows * shape.kv_heads * d;
    const Sent once = gather_sent(numbers * number_bytes, ranks);
    layer.add(once, pass.backward ? 4 : 2);  // keys and values
    if (pass.backward) layer.add(gather_sent(numbers * 4, ranks), 2);
    again.add(once, 2);
  }
  Sent all;
  all.add(layer, shape.layers);
  if (pass.backward) all.add(again, pass.recomputed);
  return all;
}

int64_t expected_rows_away(const ModelShape& shape, int64_t tokens, int64_t expert_ranks) {
  const int64_t rows = tokens * shape.experts.per_token;
  return rows - rows / expert_ranks;
}

Sent expert_traffic(const ModelShape& shape, const ParallelConfig& mesh, int64_t number_bytes, int64_t rows_away,
                    bool backward, int64_t recomputed) {
  if (mesh.expert == 1 || shape.experts.count == 0) return {};
  const Sent there_and_back{2 * rows_away * shape.hidden * number_bytes, 2};
  Sent all;
  all.add(there_and_back, expert_layers(shape, shape.layers) * (backward ? 2 : 1));
  if (backward) all.add(there_and_back, expert_layers(shape, recomputed));
  return all;
}

}  // namespace golong::scale

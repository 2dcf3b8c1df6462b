#include "core/scale/memory.h"

#include <algorithm>

#include "core/nn/decode_item.h"
#include "core/scale/traffic.h"
#include "core/scale/update_memory.h"

namespace golong::scale {
namespace {

void add_states(const Workload& work, const ParallelConfig& mesh, RankMemory& memory) {
  const int64_t own = own_parameters(work.shape, mesh), whole = whole_parameters(work.shape, mesh);
  const int64_t number = work.number_bytes, state = own * (number == 4 ? 8 : 12);
  const bool on_host = work.train.optimizer_device == "cpu" && !work.on_cpu;
  memory.weights = (mesh.zero == 3 ? own : whole) * number;
  memory.gradients = own * 4;
  (on_host ? memory.host : memory.optimizer) = state;
  if (work.reference) {
    memory.reference =
        (mesh.zero == 3 ? own_parameters(*work.reference, mesh) : whole_parameters(*work.reference, mesh)) * number;
  }
  if (mesh.zero == 3 && own < whole) memory.generator = whole * number;
}

bool is_split(const ParallelConfig& mesh) { return mesh.shard * mesh.context * mesh.expert > 1; }

// What is whole for a while (parallel/flat_unit.h): the first unit's gradients are summed over the ranks when an update
// ends, those of a layer when it is done, in float32 beside what its backward pass has left.
int64_t gathered_bytes(const Workload& work, const ParallelConfig& mesh, int64_t activations) {
  if (!is_split(mesh)) return 0;
  const int64_t number = work.number_bytes, whole = whole_parameters(work.shape, mesh);
  const std::vector<Unit> units = units_of(work.shape, mesh.expert);
  int64_t layer = 0;
  for (size_t i = 1; i < units.size(); ++i) layer = std::max(layer, units[i].plain + units[i].experts);
  const int64_t root = units[0].plain;
  // On the CPU the parts of all ranks lie beside the gradients before they are summed (Group::sum_parts_later); with
  // weights that are split, too, where activations were, as far as there is room.
  int64_t came = work.on_cpu ? std::max(root, layer) * 4 : 0;
  if (mesh.zero == 3) came = std::max<int64_t>(0, came - activations);
  if (mesh.zero == 1) return whole * 4 + (root + layer) * number + came;  // all are summed when an update ends
  const int64_t gradients = (root + layer) * (number + 4) + came;
  return mesh.zero == 2 ? gradients : gradients + (root + 2 * layer) * number;
}

// The largest pass: of a group that is run part by part its prompt with one part.
UpdatePass largest_pass(const Workload& work, const ParallelConfig& mesh) {
  const GroupSize size = work.update_group(work.longest);
  const std::vector<Pass> passes = passes_of(work, work.longest, mesh);
  const auto rows = [&](const Pass& pass) { return static_cast<int64_t>(rank_share(pass, size, mesh).tokens); };
  if (passes[0].responses > 0) return {rows(passes[0]), passes[0].groups * passes[0].responses * size.response};
  return {rows(passes[0]) + rows(passes[1]), rows(passes[1]), rows(passes[0])};
}

void add_update(const Workload& work, const ParallelConfig& mesh, RankMemory& memory) {
  const ModelShape& shape = work.shape;
  const int64_t number = work.number_bytes;
  const UpdateKernels kernels = work.on_cpu ? UpdateKernels::cpu(number) : UpdateKernels::cuda(number);
  const UpdateMemory update = pass_memory(largest_pass(work, mesh), work.train, shape, kernels, !is_split(mesh));
  memory.tokens = update.tokens;
  memory.recomputed = update.recomputed;
  memory.activations = update.activations;
  memory.logprobs = update.logprobs;
  memory.gathered = gathered_bytes(work, mesh, update.activations) + update.gradients;
  if (mesh.context > 1 && mesh.context_method == "gather") {
    const int64_t prompts = passes_of(work, work.longest, mesh)[0].groups;
    const int64_t rows = prompts * most_prompt_rows(work.longest.prompt, mesh.context) * mesh.context;
    // As they come, once more in the order of one prompt's tokens, and the gradients in float32.
    const int64_t numbers = 2 * shape.kv_heads * shape.head_dim;
    memory.prompt_keys = rows * numbers * (number + 4) + work.longest.prompt * numbers * number;
  }
}

void add_generation(const Workload& work, const ParallelConfig& mesh, const Device& device, RankMemory& memory) {
  const GroupSize& size = work.longest;
  const int64_t prompts = (work.drawn + ranks_of(mesh) - 1) / ranks_of(mesh);
  const int64_t prompt = page_bytes(work.shape, size.prompt, work.number_bytes);
  const int64_t response = page_bytes(work.shape, size.response, work.number_bytes);
  memory.pages_least = prompt + response;
  memory.pages_wanted = prompts * prompt + std::min(prompts * size.n, work.running) * response;
  const auto all = static_cast<int64_t>(device.memory);
  const int64_t budget = work.kv_bytes > 0 ? work.kv_bytes : all / (device.on_cpu ? 2 : 3);
  memory.keys_and_values = device.on_cpu ? std::min(budget, memory.pages_wanted) : budget;
}

}  // namespace

int64_t page_bytes(const ModelShape& shape, int64_t tokens, int64_t number_bytes) {
  const int64_t pages = (tokens + nn::kPageTokens - 1) / nn::kPageTokens;
  return pages * nn::kPageTokens * 2 * shape.layers * shape.kv_heads * shape.head_dim * number_bytes;
}

int64_t RankMemory::total(bool on_cpu) const {
  if (!on_cpu) return std::max(updating(), generating());
  return updating() + generating() - always();
}

RankMemory rank_memory(const Workload& work, const ParallelConfig& mesh, const Device& device) {
  RankMemory memory;
  add_states(work, mesh, memory);
  add_update(work, mesh, memory);
  add_generation(work, mesh, device, memory);
  return memory;
}

bool fits(const RankMemory& memory, const Device& device) {
  return static_cast<double>(memory.total(device.on_cpu)) <= device.memory &&
         memory.keys_and_values >= memory.pages_least;
}

}  // namespace golong::scale

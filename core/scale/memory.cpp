#include "core/scale/memory.h"

#include <algorithm>

#include "core/model/activations.h"
#include "core/nn/decode_item.h"
#include "core/nn/logprob_tile.h"
#include "core/scale/traffic.h"

namespace golong::scale {
namespace {

// Bytes of the gradient of a parameter before it is added to the sum of its own rank: as the backward pass leaves it,
// and in float32 to be summed.
int64_t pass_gradient_bytes(int64_t number_bytes) { return number_bytes == 4 ? 4 : number_bytes + 4; }

void add_states(const Workload& work, const ParallelConfig& mesh, RankMemory& memory) {
  const int64_t own = own_parameters(work.shape, mesh), whole = whole_parameters(work.shape, mesh);
  const int64_t number = work.number_bytes;
  memory.weights = (mesh.zero == 3 ? own : whole) * number;
  memory.gradients = (mesh.zero >= 2 ? own : whole) * 4;
  memory.optimizer = own * (number == 4 ? 8 : 12);
  if (work.reference) {
    memory.reference =
        (mesh.zero == 3 ? own_parameters(*work.reference, mesh) : whole_parameters(*work.reference, mesh)) * number;
  }
  if (mesh.zero == 3 && own < whole) memory.generator = whole * number;
}

// What is whole for a while: of units of which a rank keeps a part alone.
int64_t gathered_bytes(const Workload& work, const ParallelConfig& mesh) {
  const int64_t number = work.number_bytes, gradient = pass_gradient_bytes(number);
  const std::vector<Unit> units = units_of(work.shape, mesh.expert);
  int64_t layer = 0;
  for (size_t i = 1; i < units.size(); ++i) layer = std::max(layer, units[i].plain + units[i].experts);
  const bool alone = mesh.shard * mesh.context * mesh.expert == 1;
  // Gradients of a pass in bfloat16 beside the sums, of all parameters.
  const int64_t beside = number == 4 ? 0 : whole_parameters(work.shape, mesh) * number;
  if (alone || mesh.zero == 1) return beside;
  const int64_t gradients = (units[0].plain + layer) * gradient;
  return mesh.zero == 2 ? gradients : gradients + (units[0].plain + 2 * layer) * number;
}

// A tile of logits and, beside a bfloat16 one, its copy; hidden states of the responses, and all of them with their
// gradients.
int64_t logprob_bytes(const Workload& work, const PassSize& share, bool on_cpu) {
  const ModelShape& shape = work.shape;
  const nn::LogprobTile limit = on_cpu ? nn::kCpuTile : nn::kCudaTile;
  const int64_t number = work.number_bytes, rows = static_cast<int64_t>(share.projected);
  const int64_t width = std::min(shape.vocabulary, limit.vocabulary), tile = std::min(rows, limit.tokens) * width;
  return tile * (number == 4 ? 4 : 8) + rows * shape.hidden * (number + 4) +
         2 * static_cast<int64_t>(share.tokens) * shape.hidden * number;
}

// The largest pass; of a group that is run part by part its prompt with one part.
struct Largest {
  PassSize share;
  int64_t prompt_rows = 0;  // whose keys are gathered
  int64_t kept_rows = 0;    // of a prompt whose keys and values are kept from a pass before
};

Largest largest_of(const Workload& work, const ParallelConfig& mesh) {
  const GroupSize size = work.update_group(work.longest);
  const std::vector<Pass> passes = passes_of(work, work.longest, mesh);
  const int64_t rows = prompt_rows(size.prompt, mesh.context);
  Largest largest{rank_share(passes[0], size, mesh), passes[0].groups * rows * mesh.context, 0};
  if (passes[0].responses == 0) {
    const PassSize part = rank_share(passes[1], size, mesh);
    largest.share.tokens += part.tokens;
    largest.share.projected += part.projected;
    largest.kept_rows = rows;
  }
  return largest;
}

void add_update(const Workload& work, const ParallelConfig& mesh, bool on_cpu, RankMemory& memory) {
  const ModelShape& shape = work.shape;
  const int64_t number = work.number_bytes;
  const Largest largest = largest_of(work, mesh);
  memory.tokens = static_cast<int64_t>(largest.share.tokens);
  memory.recomputed = recomputed_layers(shape, memory.tokens, number, work.recompute, work.activation_bytes);
  const int64_t row = 2 * shape.kv_heads * shape.head_dim;  // keys and values of a layer
  memory.activations = activation_bytes(shape, memory.recomputed, memory.tokens, number) +
                       backward_bytes(shape, memory.tokens, number) +
                       largest.kept_rows * row * number * (shape.layers + memory.recomputed);
  if (mesh.context > 1 && mesh.context_method == "gather") {
    memory.prompt_keys = largest.prompt_rows * row * (number + 4);
  }
  memory.gathered = gathered_bytes(work, mesh);
  memory.logprobs = logprob_bytes(work, largest.share, on_cpu);
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
  add_update(work, mesh, device.on_cpu, memory);
  add_generation(work, mesh, device, memory);
  return memory;
}

bool fits(const RankMemory& memory, const Device& device) {
  return static_cast<double>(memory.total(device.on_cpu)) <= device.memory &&
         memory.keys_and_values >= memory.pages_least;
}

}  // namespace golong::scale

#include "core/cli/scale_plan.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/model/parameter_count.h"
#include "core/scale/search.h"
#include "core/train/draw_size.h"

namespace golong {
namespace {

namespace json = boost::json;

scale::Workload workload_of(const Config& config, const ModelShape& shape, const std::optional<ModelShape>& reference,
                            const ScaleOptions& options, bool on_cpu) {
  const TrainConfig& train = config.train;
  scale::Workload work;
  work.shape = shape;
  work.reference = reference;
  work.number_bytes = config.model.dtype == "float32" ? 4 : 2;
  const int64_t prompt = std::min(config.data.max_prompt_tokens, shape.max_positions - 1);
  work.longest = {prompt, std::min(config.rollout.max_response_tokens, shape.max_positions - prompt), config.rollout.n};
  work.usual = work.longest;
  const auto shorten = [](int64_t& longest, int64_t tokens, const char* option) {
    if (tokens > longest)
      fail(option, ": expected at most ", longest, ", the longest that there can be; found ", tokens);
    if (tokens > 0) longest = tokens;
  };
  shorten(work.usual.prompt, options.prompt_tokens, "--prompt-tokens");
  shorten(work.usual.response, options.response_tokens, "--response-tokens");
  work.drawn = draw_size(train);
  work.running = config.rollout.max_running_responses;
  work.kv_bytes = config.rollout.kv_cache_bytes;
  const int64_t mini_batches = train.mini_batch_prompts > 0 ? train.prompts_per_step / train.mini_batch_prompts : 1;
  work.groups = train.prompts_per_step / mini_batches;
  work.optimizer_steps = mini_batches * train.updates_per_batch;
  work.fixed_passes = mini_batches * ((work.optimizer_steps > 1 ? 1 : 0) + (reference ? 1 : 0));
  work.train = train;
  work.on_cpu = on_cpu;
  return work;
}

using Rows = std::vector<std::pair<const char*, double>>;

// Bytes of each part of a rank's memory, while responses are generated and while the model is updated.
struct MemoryRow {
  const char* name;
  int64_t generating, updating;
  const char* how;
};
std::vector<MemoryRow> memory_rows(const scale::RankMemory& m) {
  return {{"weights", m.weights, m.weights, "the rank's part"},
          {"gradients", m.gradients, m.gradients, "their sums in float32"},
          {"optimizer", m.optimizer, m.optimizer, "two moments, master weights"},
          {"reference", m.reference, m.reference, "the frozen model of train.kl"},
          {"gathered", 0, m.gathered, "embedding, head, two layers; gradients on their way"},
          {"activations", 0, m.activations, "of a micro-batch"},
          {"prompt_keys", 0, m.prompt_keys, "of one layer, of all context ranks"},
          {"logprobs", 0, m.logprobs, "tiles of logits, hidden states"},
          {"generator", m.generator, 0, "all weights to generate with"},
          {"keys_and_values", m.keys_and_values, 0, "rollout.kv_cache_bytes"}};
}

Rows second_rows(const scale::StepSeconds& s) {
  return {{"generate", s.generate}, {"score", s.score},         {"forward", s.forward},
          {"backward", s.backward}, {"optimizer", s.optimizer}, {"communication", s.communication}};
}

Rows sent_rows(const scale::StepTraffic& t) {
  const auto bytes = [](const scale::Sent& a, const scale::Sent& b) { return static_cast<double>(a.bytes + b.bytes); };
  return {{"weights", bytes(t.states.weights, t.states.expert_weights)},
          {"gradients", bytes(t.states.gradients, t.states.expert_gradients)},
          {"generation", bytes(t.states.generation, t.states.expert_generation)},
          {"replicas", bytes(t.states.replicas, {})},
          {"context", bytes(t.context, {})},
          {"experts", bytes(t.experts, {})}};
}

json::object mesh_json(const ParallelConfig& mesh) {
  return {{"replicate", mesh.replicate}, {"shard", mesh.shard}, {"context", mesh.context},
          {"expert", mesh.expert},       {"zero", mesh.zero},   {"context_method", mesh.context_method}};
}

std::string mesh_text(const ParallelConfig& mesh) {
  const auto part = [](const char* name, int64_t value) { return std::string(name) + " = " + std::to_string(value); };
  return part("replicate", mesh.replicate) + ", " + part("shard", mesh.shard) + ", " + part("context", mesh.context) +
         ", " + part("expert", mesh.expert) + ", " + part("zero", mesh.zero);
}

json::object rows_json(const Rows& rows, double total) {
  json::object object;
  for (const auto& [name, value] : rows) object[name] = value;
  object["total"] = total;
  return object;
}

// What is planned, and for what.
struct Plan {
  scale::Workload work;
  scale::Devices devices;
  int64_t ranks;
  scale::Candidate shown, suggested;
  bool of_config;  // what is shown is the mesh of [parallel]

  bool on_cpu() const { return devices.device.on_cpu; }
};

void print_json(const Plan& plan) {
  const scale::RankMemory& memory = plan.shown.memory;
  json::object bytes;
  for (const MemoryRow& row : memory_rows(memory)) bytes[row.name] = std::max(row.generating, row.updating);
  const scale::StepTraffic traffic = scale::step_traffic(plan.work, plan.shown.mesh);
  json::object seconds = rows_json(second_rows(plan.shown.seconds), plan.shown.seconds.total());
  seconds["hidden_communication"] = plan.shown.seconds.hidden;
  const json::object result{{"device", plan.devices.device.name},
                            {"ranks", plan.ranks},
                            {"mesh", mesh_json(plan.shown.mesh)},
                            {"bytes", bytes},
                            {"generating_bytes", memory.generating()},
                            {"updating_bytes", memory.updating()},
                            {"total_bytes", memory.total(plan.on_cpu())},
                            {"host_bytes", {{"optimizer", memory.host}}},
                            {"memory_bytes", static_cast<int64_t>(plan.devices.device.memory)},
                            {"fits", plan.shown.fits},
                            {"tokens", memory.tokens},
                            {"recomputed_layers", memory.recomputed},
                            {"responses_together", plan.shown.seconds.together},
                            {"seconds", seconds},
                            {"sent_bytes", rows_json(sent_rows(traffic), static_cast<double>(traffic.bytes()))},
                            {"suggested",
                             {{"mesh", mesh_json(plan.suggested.mesh)},
                              {"seconds", plan.suggested.seconds.total()},
                              {"fits", plan.suggested.fits}}}};
  std::printf("%s\n", json::serialize(result).c_str());
}

// What rollout.kv_cache_bytes may be, where it is too much or less than a rank could use.
void print_pages(const Plan& plan) {
  const scale::RankMemory& memory = plan.shown.memory;
  const auto gigabytes = [](auto bytes) { return static_cast<double>(bytes) / 1e9; };
  const int64_t besides = plan.on_cpu() ? memory.updating() + memory.generator : memory.always() + memory.generator;
  const auto room = static_cast<int64_t>(plan.devices.device.memory) - besides;
  if (memory.keys_and_values < memory.pages_least) {
    std::printf(
        "One prompt and one response at their longest need %.2f GB of keys and values; set "
        "rollout.kv_cache_bytes to at least that.\n",
        gigabytes(memory.pages_least));
  } else if (room > memory.pages_least &&
             (memory.keys_and_values > room || memory.keys_and_values < std::min(room, memory.pages_wanted))) {
    std::printf(
        "There is room for %.1f GB of keys and values (rollout.kv_cache_bytes); the longest prompts and responses "
        "of a rank take %.1f GB at once.\n",
        gigabytes(room), gigabytes(memory.pages_wanted));
  }
}

// What a table's bytes are told in.
struct Unit {
  double bytes;
  const char* name;
};
Unit unit_of(int64_t most) { return most < 1'000'000'000 ? Unit{1e6, "MB"} : Unit{1e9, "GB"}; }

void print_memory(const Plan& plan) {
  const scale::RankMemory& memory = plan.shown.memory;
  const Unit unit = unit_of(memory.total(plan.on_cpu()));
  const auto line = [&](const char* name, int64_t generating, int64_t updating, const std::string& how) {
    std::printf("%-16s %11.2f %11.2f  %s\n", name, static_cast<double>(generating) / unit.bytes,
                static_cast<double>(updating) / unit.bytes, how.c_str());
  };
  std::printf("\n%s %-13s %11s %11s\n", unit.name, "of a rank", "generating", "updating");
  for (const MemoryRow& row : memory_rows(memory)) {
    if (row.generating > 0 || row.updating > 0) line(row.name, row.generating, row.updating, row.how);
  }
  line("total", memory.generating(), memory.updating(), plan.on_cpu() ? "on the CPU both count together" : "");
  if (memory.host > 0) line("of the host", memory.host, memory.host, "optimizer, in the memory of its CPU");
  std::printf("%s: %.1f GB a device, a pass of %lld tokens on each rank, %lld of %lld layers recomputed\n",
              plan.shown.fits ? "fits" : "DOES NOT FIT", plan.devices.device.memory / 1e9,
              static_cast<long long>(memory.tokens), static_cast<long long>(memory.recomputed),
              static_cast<long long>(plan.work.shape.layers));
  print_pages(plan);
}

void print_step(const Plan& plan) {
  const scale::StepSeconds& seconds = plan.shown.seconds;
  const scale::GroupSize& usual = plan.work.usual;
  std::printf(
      "\nSeconds of a step, %lld prompts of %lld tokens drawn, %lld responses of %lld to each, %lld decoded "
      "together on a rank\n",
      static_cast<long long>(plan.work.drawn), static_cast<long long>(usual.prompt), static_cast<long long>(usual.n),
      static_cast<long long>(usual.response), static_cast<long long>(seconds.together));
  for (const auto& [name, value] : second_rows(seconds)) std::printf("%-16s %11.2f\n", name, value);
  std::printf("%-16s %11.2f  %.2f of communication behind forward and backward not counted\n", "total", seconds.total(),
              seconds.hidden);
  const scale::StepTraffic traffic = scale::step_traffic(plan.work, plan.shown.mesh);
  if (traffic.bytes() == 0) return;
  const Unit unit = unit_of(traffic.bytes());
  std::printf("\n%-16s %11s\n", "Sent by a rank", unit.name);
  for (const auto& [name, bytes] : sent_rows(traffic)) {
    if (bytes > 0) std::printf("%-16s %11.2f\n", name, bytes / unit.bytes);
  }
}

// The least that has to be changed, if it is among what costs time alone.
void print_remedy(const Plan& plan) {
  struct Remedy {
    const char* text;
    bool recompute, host, less_pages;
  };
  constexpr Remedy kRemedies[] = {
      {"train.recompute = \"all\"", true, false, false},
      {"rollout.kv_cache_bytes = 0 (a third)", false, false, true},
      {"train.recompute = \"all\" and rollout.kv_cache_bytes = 0 (a third)", true, false, true},
      {"train.optimizer_device = \"cpu\"", false, true, false},
      {"train.optimizer_device = \"cpu\" and train.recompute = \"all\"", true, true, false},
      {"train.optimizer_device = \"cpu\", train.recompute = \"all\" and rollout.kv_cache_bytes = 0 (a third)", true,
       true, true},
  };
  for (const Remedy& remedy : kRemedies) {
    scale::Workload work = plan.work;
    if (remedy.recompute) work.train.recompute = "all";
    if (remedy.host) work.train.optimizer_device = "cpu";
    if (remedy.less_pages) work.kv_bytes = 0;
    const scale::Candidate found = scale::suggest(work, plan.ranks, plan.suggested.mesh, plan.devices);
    if (!found.fits) continue;
    std::printf("It fits with %s: %s, %.2f s a step.\n", remedy.text, mesh_text(found.mesh).c_str(),
                found.seconds.total());
    return;
  }
  std::printf("More devices, shorter prompts (data.max_prompt_tokens) or a smaller train.micro_batch_tokens may.\n");
}

void print_suggestion(const Plan& plan) {
  const scale::Candidate& best = plan.suggested;
  if (!best.fits) {
    std::printf("\nOf all meshes of %lld none fits. The one that needs least: %s, %.1f GB.\n",
                static_cast<long long>(plan.ranks), mesh_text(best.mesh).c_str(),
                static_cast<double>(best.memory.total(plan.on_cpu())) / 1e9);
    print_remedy(plan);
    return;
  }
  std::printf("\nSuggested [parallel]: %s, %.2f s a step\n", mesh_text(best.mesh).c_str(), best.seconds.total());
}

void print_tables(const Plan& plan) {
  std::printf("%s, %lld parameters, %lld x %s\n", plan.work.shape.architecture.c_str(),
              static_cast<long long>(parameter_count(plan.work.shape)), static_cast<long long>(plan.ranks),
              plan.devices.device.name.c_str());
  std::printf("%s: %s\n",
              plan.of_config ? "[parallel]" : "[parallel] is for another number of ranks; shown is the suggested",
              mesh_text(plan.shown.mesh).c_str());
  print_memory(plan);
  print_step(plan);
  print_suggestion(plan);
}

}  // namespace

bool print_scale_plan(const Config& config, const ModelShape& shape, const std::optional<ModelShape>& reference,
                      const ScaleOptions& options) {
  const scale::Devices devices = scale::parse_devices(options.devices, "--devices");
  const scale::Workload work = workload_of(config, shape, reference, options, devices.device.on_cpu);
  const int64_t ranks = devices.count * options.nodes;
  const bool of_config = scale::ranks_of(config.parallel) == ranks;
  if (of_config) {
    if (const auto mistake = scale::mistake_of(config.parallel, shape)) {
      fail(name_of(config, mistake->key), ": ", mistake->text);
    }
  }
  const scale::Candidate suggested = scale::suggest(work, ranks, config.parallel, devices);
  const scale::Candidate shown = of_config ? scale::examine(work, config.parallel, devices) : suggested;
  const Plan plan{work, devices, ranks, shown, suggested, of_config};
  options.json ? print_json(plan) : print_tables(plan);
  return shown.fits;
}

}  // namespace golong

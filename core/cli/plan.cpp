// golong plan CONFIG [--memory-bytes N | --devices 8xH100-80GB [--nodes N]] [--json]
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "core/base/error.h"
#include "core/base/machine.h"
#include "core/cli/command.h"
#include "core/cli/memory_plan.h"
#include "core/cli/scale_plan.h"

namespace golong {
namespace {

namespace json = boost::json;

struct Options {
  ConfigOptions config;
  int64_t memory = 0;  // 0: the machine's
  bool json = false;
  ScaleOptions scale;  // where devices are named
};

ModelShape shape_of(const Config& config, const std::string& key, const std::string& folder) {
  if (folder.empty()) fail(name_of(config, key), ": expected a Hugging Face folder, or a config.json");
  if (!std::filesystem::exists(folder)) {
    fail(name_of(config, key), ": there is no ", folder, "; of a model `golong plan` reads config.json alone");
  }
  return read_shape(folder);
}

json::object bytes_of(const std::vector<MemoryPart>& parts) {
  json::object bytes;
  for (const MemoryPart& part : parts) bytes[part.name] = part.bytes();
  return bytes;
}

void print_json(const MemoryPlan& plan, int64_t memory) {
  std::printf("%s\n", json::serialize(json::object{{"bytes", bytes_of(plan.parts)},
                                                   {"generating_bytes", plan.generating()},
                                                   {"updating_bytes", plan.updating()},
                                                   {"total_bytes", plan.total()},
                                                   {"memory_bytes", memory},
                                                   {"fits", plan.total() <= memory},
                                                   {"host_bytes", bytes_of(plan.host)},
                                                   {"tokens", plan.tokens},
                                                   {"recomputed_layers", plan.recomputed}})
                          .c_str());
}

void print_table(const MemoryPlan& plan, int64_t memory) {
  const auto line = [](const std::string& name, int64_t bytes, const std::string& how) {
    std::printf("%-16s %12.1f MB  %s\n", name.c_str(), static_cast<double>(bytes) / 1e6, how.c_str());
  };
  for (const MemoryPart& part : plan.parts) line(part.name, part.bytes(), part.how);
  if (plan.generating() != plan.updating()) {
    line("generating", plan.generating(), "without what an update alone has");
    line("updating", plan.updating(), "without keys and values");
  }
  line("total", plan.total(), plan.generating() != plan.updating() ? "the larger of the two" : "");
  line(plan.total() <= memory ? "fits" : "does not fit", memory, "memory");
  if (plan.host.empty()) return;
  std::printf("In the CPU's memory:\n");
  for (const MemoryPart& part : plan.host) line(part.name, part.bytes(), part.how);
}

void run(const Options& options) {
  const Config config = options.config.load();
  const ModelShape shape = shape_of(config, "model.path", config.model.path);
  std::optional<ModelShape> reference;
  if (config.train.kl.estimator != "none") {
    const std::string& folder = config.train.reference_model;
    reference = folder.empty() ? shape : shape_of(config, "train.reference_model", folder);
  }
  if (!options.scale.devices.empty()) {
    ScaleOptions scale = options.scale;
    scale.json = options.json;
    if (!print_scale_plan(config, shape, reference, scale)) throw ExitStatus{3};
    return;
  }
  if (options.memory == 0 && config.model.device != "cpu") {
    fail(name_of(config, "model.device"), ": say the memory of the device with --memory-bytes, 80000000000 for 80 GB");
  }
  const int64_t memory = options.memory > 0 ? options.memory : static_cast<int64_t>(this_machine().memory);
  if (memory == 0) fail("this machine does not tell how much memory it has; say it with --memory-bytes");
  const MemoryPlan plan = plan_memory(config, shape, reference, memory);
  options.json ? print_json(plan, memory) : print_table(plan, memory);
  if (plan.total() > memory) throw ExitStatus{3};
}

}  // namespace

void add_plan_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("plan", "Says what memory a training takes, and whether it fits");
  auto options = std::make_shared<Options>();
  add_config_argument(*command, options->config);
  CLI::Option* memory =
      command->add_option("--memory-bytes", options->memory, "Memory to fit into; without it, this machine's")
          ->type_name("N")
          ->check(CLI::Range(int64_t{1}, INT64_MAX));
  CLI::Option* devices =
      command->add_option("--devices", options->scale.devices, "Plan for many ranks: devices of a node, 8xH100-80GB")
          ->excludes(memory);
  const auto of_devices = [&](const char* name, int64_t& value, const std::string& help) {
    command->add_option(name, value, help)->type_name("N")->needs(devices)->check(CLI::Range(1, 1 << 24));
  };
  of_devices("--nodes", options->scale.nodes, "Nodes that have these devices; without it 1");
  of_devices("--prompt-tokens", options->scale.prompt_tokens,
             "Predict seconds for prompts so long; without it the longest");
  of_devices("--response-tokens", options->scale.response_tokens, "Likewise for responses");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run(*options); });
}

}  // namespace golong

// golong eval CONFIG [--model DIR] [--output FILE]
#include <cstdio>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/cli/command.h"
#include "core/cli/engine.h"
#include "core/cli/stop_signals.h"

namespace golong {
namespace {

struct Options {
  ConfigOptions config;
  std::string model;
  std::string output;
};

void run(const Options& options) {
  Config config = options.config.load();
  if (!options.model.empty()) {
    config.model.path = options.model;
    config.origins["model.path"] = "--model";
  }
  check_purpose(config, Purpose::eval);
  const auto registry = load_plugins(config);
  const EngineApi& api = engine();
  StopSignals signals("stopping");
  const std::string result = api.evaluate(config, registry, options.model, signals.flag());
  if (signals.stopped()) throw Stopped("stopped; nothing was measured");
  if (options.output.empty()) {
    std::printf("%s\n", result.c_str());
  } else {
    write_file_atomic(options.output, result + "\n");
  }
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* eval = app.add_subcommand("eval", "Measures a model on held-out rows, by task");
  auto options = std::make_shared<Options>();
  add_config_argument(*eval, options->config);
  eval->add_option("--model", options->model,
                   "Hugging Face folder; without it the run's newest checkpoint, else model.path")
      ->type_name("DIR");
  eval->add_option("--output", options->output, "Write the JSON there instead of printing it")->type_name("FILE");
  eval->callback([options] { run(*options); });
}

}  // namespace golong

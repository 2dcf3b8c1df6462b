// golong sft CONFIG --output DIR
#include <cstdio>

#include "core/base/error.h"
#include "core/cli/command.h"
#include "core/cli/engine.h"
#include "core/cli/stop_signals.h"

namespace golong {
namespace {

struct Options {
  ConfigOptions config;
  std::string output;
  std::string dtype;
};

void run(const Options& options) {
  const Config config = options.config.load();
  check_purpose(config, Purpose::sft);
  const auto registry = load_plugins(config);
  const EngineApi& api = engine();
  StopSignals signals("stopping; the model as it is now will be written");
  api.sft(config, registry, options.output, options.dtype, signals.flag());
  if (signals.stopped())
    throw Stopped("stopped before sft.steps; " + options.output + " holds the model as it was then");
  std::printf("trained on gold answers: %s\n", options.output.c_str());
}

}  // namespace

void add_sft_command(CLI::App& app) {
  CLI::App* sft = app.add_subcommand("sft", "Trains a model on gold answers (supervised), e.g. to start GRPO from");
  auto options = std::make_shared<Options>();
  add_config_argument(*sft, options->config);
  sft->add_option("--output", options->output, "Hugging Face folder to write")->required()->type_name("DIR");
  sft->add_option("--dtype", options->dtype, "Type of the weights that are written; without it, model.dtype")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  sft->callback([options] { run(*options); });
}

}  // namespace golong

// golong make-model --config config.json --output DIR --seed N
#include <cstdint>
#include <cstdio>

#include "core/cli/command.h"
#include "core/cli/engine.h"

namespace golong {
namespace {

struct Options {
  std::string config_json;
  std::string output;
  uint64_t seed = 0;
};

}  // namespace

void add_make_model_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("make-model", "Makes a model with fresh weights from a config.json");
  auto options = std::make_shared<Options>();
  command->add_option("--config", options->config_json, "config.json of a Hugging Face model")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command->add_option("--output", options->output, "Hugging Face folder to write")->required()->type_name("DIR");
  command->add_option("--seed", options->seed, "Seed of the weights")
      ->capture_default_str()
      ->check(seed())
      ->type_name("N");
  command->callback([options] {
    engine().make_model(options->config_json, options->output, options->seed);
    std::printf("made: %s\n", options->output.c_str());
  });
}

}  // namespace golong

// golong export CONFIG --checkpoint DIR --output DIR
#include <cstdio>

#include "core/cli/command.h"
#include "core/cli/engine.h"

namespace golong {
namespace {

struct Options {
  ConfigOptions config;
  std::string checkpoint;
  std::string output;
};

}  // namespace

void add_export_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("export", "Writes a checkpoint as a Hugging Face folder");
  auto options = std::make_shared<Options>();
  add_config_argument(*command, options->config);
  command->add_option("--checkpoint", options->checkpoint, "Checkpoint of a run")
      ->required()
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command->add_option("--output", options->output, "Hugging Face folder to write")->required()->type_name("DIR");
  command->callback([options] {
    const Config config = options->config.load();
    engine().export_checkpoint(config, options->checkpoint, options->output);
    std::printf("exported: %s\n", options->output.c_str());
  });
}

}  // namespace golong

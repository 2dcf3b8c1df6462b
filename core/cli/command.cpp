#include "core/cli/command.h"

#include <filesystem>

namespace golong {
namespace {

void add_set_option(CLI::App& command, ConfigOptions& options) {
  command
      .add_option("--set", options.overrides,
                  "Overrides a key of the config, e.g. --set train.learning_rate=1e-5; may stand several times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);  // one value each, so that a positional argument may follow
}

}  // namespace

Config ConfigOptions::load() const {
  return file.empty() ? Config::defaults(overrides) : Config::load(file, overrides);
}

void add_config_argument(CLI::App& command, ConfigOptions& options) {
  command.add_option("config", options.file, "TOML file (docs/reference/config.md)")->required()->type_name("CONFIG");
  add_set_option(command, options);
}

void add_config_option(CLI::App& command, ConfigOptions& options) {
  command.add_option("--config", options.file, "TOML file (docs/reference/config.md); without it, the defaults")
      ->type_name("FILE");
  add_set_option(command, options);
}

std::shared_ptr<const plugin::Registry> load_plugins(const Config& config) {
  auto registry = plugin::Registry::load({config.plugins.path.begin(), config.plugins.path.end()});
  check_plugins(config, *registry);
  return registry;
}

}  // namespace golong

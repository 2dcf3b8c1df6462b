#include "core/cli/command.h"

#include <charconv>
#include <filesystem>

#include "core/base/error.h"
#include "core/config/toml_text.h"

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

void add_device_option(CLI::App& command, std::string& device) {
  command.add_option("--device", device, "Where to compute: cpu, cuda or cuda:1")->capture_default_str();
}

CLI::Validator number_within(double lowest, double highest) {
  const auto check = [=](const std::string& text) {
    double number = 0;
    const bool is_number = CLI::detail::lexical_cast(text, number) && number >= lowest && number <= highest;
    return is_number
               ? std::string()
               : "expected a number from " + toml_number(lowest) + " to " + toml_number(highest) + ", found " + text;
  };
  return {check, "NUMBER from " + toml_number(lowest) + " to " + toml_number(highest)};
}

CLI::Validator seed() {
  const auto check = [](const std::string& text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_seed = error == std::errc() && end == text.data() + text.size();
    return is_seed ? std::string() : "expected an integer from 0 to 18446744073709551615, found " + text;
  };
  return {check, "N"};
}

void check_output(const std::string& input, const std::string& output) {
  std::error_code error;  // a file that is not there is not the same one
  if (std::filesystem::is_regular_file(output, error) && std::filesystem::equivalent(input, output, error)) {
    fail("--output ", output, " is the input itself, which would be lost; choose another file");
  }
}

std::shared_ptr<const plugin::Registry> load_plugins(const Config& config) {
  auto registry = plugin::Registry::load({config.plugins.path.begin(), config.plugins.path.end()});
  check_plugins(config, *registry);
  return registry;
}

}  // namespace golong

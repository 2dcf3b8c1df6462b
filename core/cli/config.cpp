// golong config show | check | reference
#include <cstdio>
#include <filesystem>

#include "core/base/file_patterns.h"
#include "core/cli/command.h"
#include "core/config/reference.h"

namespace golong {
namespace {

void say_missing(const char* key, const char* what, const std::string& path) {
  std::printf("note  %s: there is no %s %s yet\n", key, what, path.c_str());
}

void look_at_paths(const Config& config) {
  std::error_code error;
  if (config.model.path.empty()) std::printf("note  model.path is not set\n");
  if (!config.model.path.empty() && !std::filesystem::exists(config.model.path, error)) {
    say_missing("model.path", "folder", config.model.path);
  }
  if (config.data.train.empty()) std::printf("note  data.train is not set\n");
  for (const auto& [key, files] : {std::pair{"data.train", config.data.train}, {"data.eval", config.data.eval}}) {
    for (const std::string& file : files) {
      if (row_files(file).empty()) say_missing(key, "file", file);
    }
  }
}

size_t table_count(const Config& config) {
  return config.task_settings.size() + config.reward_settings.size() + config.normalizer_settings.size() +
         config.routes.size();
}

void check(const ConfigOptions& options) {
  const Config config = options.load();
  const auto registry = load_plugins(config);
  std::printf("ok    %s: keys, types and ranges\n", options.file.c_str());
  std::printf("ok    %zu plugins found, %zu plugin tables and routes checked, normalizer %s\n",
              registry->plugins().size(), table_count(config), config.train.normalizer.c_str());
  look_at_paths(config);
}

}  // namespace

void add_config_command(CLI::App& app) {
  CLI::App* config = app.add_subcommand("config", "Shows and checks config files");
  config->require_subcommand(1);

  CLI::App* show = config->add_subcommand("show", "Prints the complete config as TOML: files, overrides, defaults");
  auto show_options = std::make_shared<ConfigOptions>();
  add_config_argument(*show, *show_options);
  show->callback([show_options] { std::fputs(show_options->load().to_toml().c_str(), stdout); });

  CLI::App* checker = config->add_subcommand("check", "Checks a config and its plugins, without loading a model");
  auto check_options = std::make_shared<ConfigOptions>();
  add_config_argument(*checker, *check_options);
  checker->callback([check_options] { check(*check_options); });

  CLI::App* reference = config->add_subcommand("reference", "Prints every key with its meaning, as Markdown");
  reference->callback([] { std::fputs(config_reference().c_str(), stdout); });
}

}  // namespace golong

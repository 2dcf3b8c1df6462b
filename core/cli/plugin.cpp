// golong plugin list|show|check
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/cli/command.h"
#include "core/data/json_slice.h"
#include "core/plugin/check.h"

namespace golong {
namespace {

using plugin::Plugin;

struct Options {
  ConfigOptions config;
  bool json = false;
  std::string id;  // of `show`; of `check` the library
};

std::string number(double value) {
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

const char* type_name(golong_type type) {
  switch (type) {
    case GOLONG_BOOL:
      return "bool";
    case GOLONG_INT:
      return "int";
    case GOLONG_FLOAT:
      return "float";
    default:
      return "str";
  }
}

bool is_number(const golong_param& param) { return param.type == GOLONG_INT || param.type == GOLONG_FLOAT; }
bool is_thread_safe(const Plugin& plugin) { return plugin.descriptor->flags & GOLONG_FLAG_THREAD_SAFE; }

// As TOML and JSON write it.
std::string value(const golong_value& value) {
  switch (value.type) {
    case GOLONG_BOOL:
      return value.boolean ? "true" : "false";
    case GOLONG_INT:
      return std::to_string(value.integer);
    case GOLONG_FLOAT: {
      std::string text = number(value.real);
      return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
    }
    default:
      return json_quote({value.text.data, value.text.size});
  }
}

std::vector<std::string> choices(const golong_param& param) {
  std::vector<std::string> all;
  if (param.type != GOLONG_STRING) return all;
  for (const char* const* choice = param.choices; choice && *choice; ++choice) all.push_back(json_quote(*choice));
  return all;
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

std::string bound_json(const golong_param& param, double bound) {
  return is_number(param) && std::isfinite(bound) ? number(bound) : "null";
}

std::string param_json(const golong_param& param) {
  std::string list = "null";
  if (param.type == GOLONG_STRING && param.choices) list = "[" + joined(choices(param), ", ") + "]";
  return "{\"name\": " + json_quote(param.name) + ", \"type\": " + json_quote(type_name(param.type)) +
         ", \"default\": " + value(param.default_value) + ", \"minimum\": " + bound_json(param, param.minimum) +
         ", \"maximum\": " + bound_json(param, param.maximum) + ", \"choices\": " + list +
         ", \"help\": " + json_quote(param.help) + "}";
}

std::string plugin_json(const Plugin& plugin) {
  std::vector<std::string> params;
  for (uint32_t i = 0; i < plugin.descriptor->param_count; ++i) {
    params.push_back(param_json(*plugin.descriptor->params[i]));
  }
  return "{\"kind\": " + json_quote(plugin::name(plugin.kind)) + ", \"id\": " + json_quote(plugin.id) +
         ", \"version\": " + json_quote(plugin.descriptor->version) +
         ", \"summary\": " + json_quote(plugin.descriptor->summary) +
         ", \"library\": " + json_quote(plugin.library.string()) +
         ", \"thread_safe\": " + (is_thread_safe(plugin) ? "true" : "false") + ", \"parameters\": [" +
         joined(params, ", ") + "]}";
}

void print_json(const std::vector<const Plugin*>& plugins) {
  std::vector<std::string> lines;
  lines.reserve(plugins.size());
  for (const Plugin* plugin : plugins) lines.push_back("  " + plugin_json(*plugin));
  std::printf("[\n%s\n]\n", joined(lines, ",\n").c_str());
}

void print_table(const std::vector<const Plugin*>& plugins) {
  size_t widest = 0;
  for (const Plugin* plugin : plugins) widest = std::max(widest, plugin->id.size());
  const Plugin* last = nullptr;
  for (const Plugin* plugin : plugins) {
    if (!last || last->kind != plugin->kind) std::printf("%s%s\n", last ? "\n" : "", plugin::plural(plugin->kind));
    std::printf("  %-*s  %-7s  %s\n", static_cast<int>(widest), plugin->id.c_str(), plugin->descriptor->version,
                plugin->descriptor->summary);
    last = plugin;
  }
}

// "a float from 0 to 1", "an int of at least 1", "\"a\" or \"b\"".
std::string domain(const golong_param& param) {
  if (std::vector<std::string> known = choices(param); !known.empty()) return joined(known, " or ");
  std::string text = type_name(param.type);
  if (!is_number(param)) return text;
  const bool low = std::isfinite(param.minimum), high = std::isfinite(param.maximum);
  if (low && high) return text + " from " + number(param.minimum) + " to " + number(param.maximum);
  if (low) return text + ", at least " + number(param.minimum);
  if (high) return text + ", at most " + number(param.maximum);
  return text;
}

void print_details(const Plugin& plugin) {
  const golong_descriptor& d = *plugin.descriptor;
  std::printf("%s %s %s\n%s\n\n", plugin::name(plugin.kind), plugin.id.c_str(), d.version, d.summary);
  std::printf("library      %s\n", plugin.library.c_str());
  std::printf("thread-safe  %s\n", is_thread_safe(plugin) ? "yes" : "no: one instance for each thread");
  if (plugin.kind == plugin::Kind::task) {
    const bool generates = d.extension && d.extension(GOLONG_TASK_GENERATE);
    std::printf("reward       %s, unless [tasks.%s] reward says otherwise\n",
                static_cast<const golong_task*>(d.functions)->default_reward, plugin.id.c_str());
    std::printf("documents    %s\n", generates ? "makes questions from them (golong data make)" : "no");
  }
  if (plugin.kind == plugin::Kind::normalizer) {
    const bool keeps = d.extension && d.extension(GOLONG_NORMALIZER_STATE);
    std::printf("state        %s\n", keeps ? "kept from step to step, saved with checkpoints" : "none");
  }
  if (d.param_count == 0) {
    std::printf("\nno parameters\n");
    return;
  }
  std::printf("\n[%s.%s]\n", plugin::plural(plugin.kind), plugin.id.c_str());
  for (uint32_t i = 0; i < d.param_count; ++i) {
    const golong_param& param = *d.params[i];
    std::printf("# %s (%s)\n%s = %s\n", param.help, domain(param).c_str(), param.name,
                value(param.default_value).c_str());
  }
}

void list(const Options& options) {
  const auto registry = load_plugins(options.config.load());
  std::vector<const Plugin*> all;
  for (const Plugin& plugin : registry->plugins()) all.push_back(&plugin);
  if (all.empty()) fail("there are no plugins: neither in plugins.path, GOLONG_PLUGIN_PATH nor beside the program");
  options.json ? print_json(all) : print_table(all);
}

void show(const Options& options) {
  const auto registry = load_plugins(options.config.load());
  std::vector<const Plugin*> found;
  std::vector<std::string> ids;
  for (const Plugin& plugin : registry->plugins()) {
    ids.push_back(plugin.id);
    if (plugin.id == options.id) found.push_back(&plugin);
  }
  if (found.empty()) {
    const std::string hint = did_you_mean(options.id, ids);
    fail("there is no plugin ", options.id, hint.empty() ? ";" : hint, " `golong plugin list` shows what there is");
  }
  if (options.json) {
    print_json(found);
    return;
  }
  for (const Plugin* plugin : found) {
    if (plugin != found.front()) std::printf("\n");
    print_details(*plugin);
  }
}

// One line for each check; exit 1 where one failed.
void check(const std::string& library) {
  size_t checks = 0, failed = 0;
  plugin::check_library(library, [&](const plugin::CheckResult& result) {
    ++checks;
    failed += !result.problem.empty();
    std::printf("%s  %s%s%s%s%s\n", result.problem.empty() ? "ok  " : "FAIL", result.plugin.c_str(),
                result.plugin.empty() ? "" : ": ", result.name.c_str(), result.problem.empty() ? "" : "\n        ",
                result.problem.c_str());
    std::fflush(stdout);
  });
  std::printf("%zu checks, %zu failed\n", checks, failed);
  if (failed) throw ExitStatus{1};
}

}  // namespace

void add_plugin_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("plugin", "Shows the tasks, rewards and normalizers that there are");
  command->require_subcommand(1);
  auto options = std::make_shared<Options>();

  CLI::App* list_command = command->add_subcommand("list", "All plugins: kind, id, version, what each is for");
  add_config_option(*list_command, options->config);
  list_command->add_flag("--json", options->json, "As JSON, with libraries and parameters");
  list_command->callback([options] { list(*options); });

  CLI::App* show_command = command->add_subcommand("show", "One plugin: its library and its parameters, as TOML");
  show_command->add_option("id", options->id, "Id of a task, reward or normalizer")->required()->type_name("ID");
  add_config_option(*show_command, options->config);
  show_command->add_flag("--json", options->json, "As JSON");
  show_command->callback([options] { show(*options); });

  CLI::App* check_command = command->add_subcommand("check", "Tries a library of your own before others load it");
  check_command->add_option("library", options->id, "The shared library")
      ->required()
      ->type_name("LIBRARY")
      ->check(CLI::ExistingFile);
  check_command->callback([options] { check(options->id); });
}

}  // namespace golong

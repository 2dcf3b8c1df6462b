// What the commands of `golong` share. One file a command, each with one `add_X_command` that describes it to CLI11 and
// runs it from the callback; main.cpp holds the table of them.
//
// How a command ends: it returns (exit 0), throws Error (one line `golong: ...` on stderr, exit 1), Stopped (exit 130),
// or ExitStatus where it did its work and the status says more (`golong score`: 3).
#pragma once
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/plugin/registry.h"

namespace golong {

// Thrown by a command that did its work and ends with another exit status than 0. Nothing is printed.
struct ExitStatus {
  int code;
};

// A config file and the overrides of the command line.
struct ConfigOptions {
  std::string file;                    // "": defaults
  std::vector<std::string> overrides;  // "key=value"

  Config load() const;
};

// Adds `CONFIG` as a positional argument (required) and `--set`. `options` must live as long as the command.
void add_config_argument(CLI::App& command, ConfigOptions& options);

// Adds `--config FILE` (optional) and `--set`.
void add_config_option(CLI::App& command, ConfigOptions& options);

// Adds `--device`.
void add_device_option(CLI::App& command, std::string& device);

// Checks of options that CLI11's own leave open: that a number is one (NaN is within any range), and that a seed is
// none that would be read as another.
CLI::Validator number_within(double lowest, double highest);
CLI::Validator seed();

// Throws Error where `output` is the file `input`, which would be lost.
void check_output(const std::string& input, const std::string& output);

// Loads the plugins of the config and checks its plugin tables against them.
std::shared_ptr<const plugin::Registry> load_plugins(const Config& config);

void add_bench_command(CLI::App& app);
void add_config_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_doctor_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_export_command(CLI::App& app);
void add_generate_command(CLI::App& app);
void add_chat_command(CLI::App& app);
void add_launch_command(CLI::App& app);
void add_logprobs_command(CLI::App& app);
void add_make_model_command(CLI::App& app);
void add_plan_command(CLI::App& app);
void add_plugin_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_score_command(CLI::App& app);
void add_sft_command(CLI::App& app);
void add_tokenize_command(CLI::App& app);
void add_train_command(CLI::App& app);

}  // namespace golong

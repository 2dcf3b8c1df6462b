// golong <command>: the table of commands, and what an error looks like.
#include <cxxabi.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <typeinfo>
#include <vector>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/base/rank_errors.h"
#include "core/base/version.h"
#include "core/cli/command.h"
#include "core/cli/help.h"
#include "core/plugin/crash.h"

namespace golong {
namespace {

// In the order of `golong --help`: what a newcomer needs first.
constexpr void (*commands[])(CLI::App&) = {
    add_doctor_command,   add_config_command,     add_plugin_command,   add_plan_command, add_train_command,
    add_launch_command,   add_eval_command,       add_report_command,   add_sft_command,  add_export_command,
    add_score_command,    add_data_command,       add_generate_command, add_chat_command, add_tokenize_command,
    add_logprobs_command, add_make_model_command, add_bench_command,
};

std::string demangled(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type.name();
}

// The command that the arguments led to, and its name as a user types it.
const CLI::App* innermost(const CLI::App* command, std::string& name) {
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += " " + command->get_name();
  }
  return command;
}

// What is wrong with the command line, with the nearest command or option.
std::string complaint(const CLI::App& command, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ValidationError*>(&error) || dynamic_cast<const CLI::ConversionError*>(&error)) {
    return error.what();
  }
  const std::vector<std::string> left = command.remaining();
  if (left.empty()) return error.what();
  std::vector<std::string> known;
  if (left.front().starts_with("-")) {
    for (const CLI::Option* option : command.get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
    return "unknown option " + left.front() + did_you_mean(left.front().substr(0, left.front().find('=')), known);
  }
  const std::vector<const CLI::App*> commands = command.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* subcommand : commands) known.push_back(subcommand->get_name());
  if (known.empty()) return "unexpected argument " + left.front();
  return "unknown command " + left.front() + did_you_mean(left.front(), known);
}

// A wrong command line: what is wrong and where help is, exit 2. --help and --version end here as well, with 0.
int usage(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
  std::string name = "golong";
  const CLI::App* command = innermost(&app, name);
  std::fprintf(stderr, "golong: %s (see `%s --help`)\n", complaint(*command, error).c_str(), name.c_str());
  return 2;
}

// What was printed has arrived, or the disk is full and somebody should know.
void flush_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) fail("cannot write the output: ", std::strerror(errno));
}

int run(int argc, char** argv) {
  CLI::App app("golong trains language models on long documents with verifiable rewards.", "golong");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", std::string("golong ") + version);
  app.require_subcommand(1);
  for (auto add : commands) add(app);
  if (argc == 1) {
    std::fputs(app.help().c_str(), stderr);
    return 2;
  }
  try {
    app.parse(argc, argv);  // runs the command's callback
    flush_output();
    return 0;
  } catch (const CLI::ParseError& error) {
    return usage(app, error);
  }
}

}  // namespace
}  // namespace golong

int main(int argc, char** argv) {
  golong::plugin::report_crashes();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that reaches `ulimit -f` is an error which names it, and not our end
  try {
    return golong::run(argc, argv);
  } catch (const golong::ExitStatus& status) {
    return std::fflush(stdout) == 0 ? status.code : 1;
  } catch (const golong::OtherRankFailed& error) {
    std::fprintf(stderr, "golong: %s\n", error.what());
    return golong::status_other_rank_failed;
  } catch (const golong::RankFailed& error) {
    std::fprintf(stderr, "golong: %s\n", error.what());
    return golong::status_rank_failed;
  } catch (const golong::Error& error) {
    std::fprintf(stderr, "golong: %s\n", error.what());
    return 1;
  } catch (const golong::Stopped& stopped) {
    std::fprintf(stderr, "golong: %s\n", stopped.what());
    return 130;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "golong: unexpected error (%s): %s\n", golong::demangled(typeid(error)).c_str(), error.what());
    return 1;
  } catch (...) {
    std::fprintf(stderr, "golong: unexpected error (%s)\n",
                 golong::demangled(*abi::__cxa_current_exception_type()).c_str());
    return 1;
  }
}

// golong chat --model DIR: a conversation in the terminal.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "core/cli/command.h"
#include "core/cli/engine.h"
#include "core/cli/generator_options.h"
#include "core/cli/stop_signals.h"

namespace golong {
namespace {

void run(const ChatOptions& options) {
  const EngineApi& api = engine();
  // Where a program reads or writes, it gets the answers alone.
  const bool to_person = ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO);
  std::optional<StopSignals> signals;
  ChatTerminal terminal;
  terminal.stop = StopSignals::flag();
  terminal.read = [&]() -> std::optional<std::string> {
    signals.reset();  // Ctrl-C ends the program while the user writes
    if (to_person) std::fputs("> ", stdout);
    std::fflush(stdout);
    std::string line;
    if (!std::getline(std::cin, line)) return std::nullopt;
    signals.emplace("stopping the answer");
    return line;
  };
  terminal.write = [](const std::string& piece) {
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  terminal.end = [](const std::string& summary) {
    std::fputs("\n", stdout);
    std::fflush(stdout);
    std::fprintf(stderr, "(%s)\n", summary.c_str());
  };
  api.chat(options, terminal);
}

}  // namespace

void add_chat_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("chat", "A conversation with a model in the terminal");
  auto options = std::make_shared<ChatOptions>();
  add_generator_options(*command, *options);
  command->add_option("--system", options->system, "The system message")->type_name("TEXT");
  command->add_option("--document", options->document, "A text that stands before the first question")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command->add_flag_callback(
      "--no-thinking", [options] { options->thinking = false; },
      "Open the answer with an empty think block (Qwen3's templates)");
  command->callback([options] { run(*options); });
}

}  // namespace golong

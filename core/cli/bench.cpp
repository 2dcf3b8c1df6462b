// golong bench <what>: measures this build on this machine.
#include "core/cli/bench.h"

namespace golong {

void add_engine_bench_options(CLI::App& command, EngineBenchOptions& options, const std::string& repetitions) {
  command
      .add_option("--model", options.model,
                  "Hugging Face folder; no tokenizer is needed, and without weights fresh ones are made")
      ->required()
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  const auto number = [&](const char* name, int64_t& value, const std::string& help) {
    command.add_option(name, value, help)->capture_default_str()->check(CLI::Range(1, 1 << 24));
  };
  number("--prompt-tokens", options.prompt_tokens, "Random tokens of each prompt");
  number("--n", options.n, "Responses to each prompt");
  number("--groups", options.groups, "Prompts, each with its responses");
  number("--repetitions", options.repetitions, repetitions);
  command.add_option("--threads", options.threads, "0: all cores")->capture_default_str()->check(CLI::Range(0, 4096));
  command.add_option("--dtype", options.dtype, "Type to compute in")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  add_device_option(command, options.device);
}

void add_bench_command(CLI::App& app) {
  CLI::App* bench = app.add_subcommand("bench", "Measures how fast this build is on this machine");
  bench->require_subcommand(1);
  add_bench_score(*bench);
  add_bench_rollout(*bench);
  add_bench_train(*bench);
  add_bench_device(*bench);
}

}  // namespace golong

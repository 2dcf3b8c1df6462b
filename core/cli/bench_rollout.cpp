// golong bench rollout --model DIR [--prompt-tokens P] [--n N] [--new-tokens R] [--dtype]
#include <cstdio>
#include <memory>

#include "core/cli/bench.h"
#include "core/cli/engine.h"

namespace golong {

void add_bench_rollout(CLI::App& bench) {
  CLI::App* command = bench.add_subcommand("rollout", "Tokens a second of generating n responses to long prompts");
  auto options = std::make_shared<RolloutBenchOptions>();
  command->add_option("--model", options->model, "Hugging Face folder; no tokenizer is needed")
      ->required()
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  const auto number = [&](const char* name, int64_t& value, const char* help) {
    command->add_option(name, value, help)->capture_default_str()->check(CLI::Range(1, 1 << 24));
  };
  number("--prompt-tokens", options->prompt_tokens, "Random tokens of each prompt");
  number("--n", options->n, "Responses to each prompt");
  command->add_option("--new-tokens", options->new_tokens, "Tokens of each response")
      ->capture_default_str()
      ->check(CLI::Range(2, 1 << 24));
  number("--groups", options->groups, "Prompts, generated together");
  number("--repetitions", options->repetitions, "The fastest of so many runs counts");
  command->add_option("--threads", options->threads, "0: all cores")->capture_default_str()->check(CLI::Range(0, 4096));
  command->add_option("--dtype", options->dtype, "Type to compute in")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->callback([options] { std::printf("%s\n", engine().bench_rollout(*options).c_str()); });
}

}  // namespace golong

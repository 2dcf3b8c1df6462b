// golong bench rollout --model DIR [--prompt-tokens P] [--n N] [--new-tokens R] [--dtype]
#include <cstdio>
#include <memory>

#include "core/cli/bench.h"
#include "core/cli/engine.h"

namespace golong {

void add_bench_rollout(CLI::App& bench) {
  CLI::App* command = bench.add_subcommand("rollout", "Tokens a second of generating n responses to long prompts");
  auto options = std::make_shared<RolloutBenchOptions>();
  add_engine_bench_options(*command, *options, "The fastest of so many runs counts");
  command->add_option("--new-tokens", options->new_tokens, "Tokens of each response")
      ->capture_default_str()
      ->check(CLI::Range(2, 1 << 24));
  command
      ->add_option("--expert", options->expert,
                   "As parallel.expert, under golong launch; --groups are shared out to all ranks")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 16));
  command->callback([options] {
    const std::string result = engine().bench_rollout(*options);
    if (!result.empty()) std::printf("%s\n", result.c_str());
  });
}

}  // namespace golong

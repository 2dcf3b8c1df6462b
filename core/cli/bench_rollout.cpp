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
  command->callback([options] { std::printf("%s\n", engine().bench_rollout(*options).c_str()); });
}

}  // namespace golong

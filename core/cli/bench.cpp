// golong bench <what>: measures this build on this machine.
#include "core/cli/bench.h"

namespace golong {

void add_bench_command(CLI::App& app) {
  CLI::App* bench = app.add_subcommand("bench", "Measures how fast this build is on this machine");
  bench->require_subcommand(1);
  add_bench_score(*bench);
  add_bench_rollout(*bench);
  add_bench_train(*bench);
}

}  // namespace golong

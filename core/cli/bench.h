// The benchmarks of `golong bench`, one file each: each adds its subcommand to it.
#pragma once
#include "core/cli/command.h"

namespace golong {

void add_bench_rollout(CLI::App& bench);
void add_bench_train(CLI::App& bench);
void add_bench_score(CLI::App& bench);

}  // namespace golong

// The benchmarks of `golong bench`, one file each: each adds its subcommand to it.
#pragma once
#include "core/cli/command.h"
#include "core/train/api.h"

namespace golong {

// What the benchmarks of a model share; `repetitions` says what becomes of them.
void add_engine_bench_options(CLI::App& command, EngineBenchOptions& options, const std::string& repetitions);

void add_bench_rollout(CLI::App& bench);
void add_bench_train(CLI::App& bench);
void add_bench_device(CLI::App& bench);
void add_bench_score(CLI::App& bench);

}  // namespace golong

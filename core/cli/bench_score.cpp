// golong bench score --input rows.jsonl [--json]
#include <cstdio>

#include "core/cli/bench.h"
#include "core/data/json_slice.h"
#include "core/data/row_file.h"
#include "core/score/benchmark.h"

namespace golong {
namespace {

struct Options {
  ConfigOptions config;
  std::string input;
  int64_t threads = -1;  // as the config says
  size_t repetitions = 5;
  bool json = false;
};

void print_json(const ScoreBenchmark& benchmark) {
  std::printf("{\"threads\": %zu, \"left_out\": %zu, \"rewards\": [", benchmark.threads, benchmark.left_out);
  const char* separator = "";
  for (const RewardSpeed& speed : benchmark.rewards) {
    std::printf(
        "%s\n  {\"reward\": %s, \"rows\": %zu, \"responses\": %zu, \"rows_per_s_1_thread\": %.6g, \"rows_per_s\": "
        "%.6g, "
        "\"row_mean_s\": %.6g, \"row_p50_s\": %.6g, \"row_p99_s\": %.6g}",
        separator, json_quote(speed.reward).c_str(), speed.rows, speed.responses, speed.rows_per_second_1,
        speed.rows_per_second, speed.mean, speed.p50, speed.p99);
    separator = ",";
  }
  std::printf("\n]}\n");
}

void print_table(const ScoreBenchmark& benchmark) {
  std::printf("%-20s %8s %10s %14s %14s %13s %13s\n", "reward", "rows", "responses", "rows/s, 1 thr.",
              ("rows/s, " + std::to_string(benchmark.threads) + " thr.").c_str(), "row p50 [us]", "row p99 [us]");
  for (const RewardSpeed& speed : benchmark.rewards) {
    std::printf("%-20s %8zu %10zu %14.0f %14.0f %13.2f %13.2f\n", speed.reward.c_str(), speed.rows, speed.responses,
                speed.rows_per_second_1, speed.rows_per_second, speed.p50 * 1e6, speed.p99 * 1e6);
  }
  if (benchmark.left_out > 0) {
    std::printf("left out: %zu rows of which a response is not scored, or does not reach its reward (gate)\n",
                benchmark.left_out);
  }
}

void run(const Options& options) {
  Config config = options.config.load();
  if (options.threads >= 0) config.rewards.threads = options.threads;
  const auto registry = load_plugins(config);
  const ScoreBenchmark benchmark = measure_rewards(RowFile(options.input), config, registry, options.repetitions);
  options.json ? print_json(benchmark) : print_table(benchmark);
}

}  // namespace

void add_bench_score(CLI::App& bench) {
  CLI::App* command = bench.add_subcommand("score", "Rows a second of each reward, and the time of one row");
  auto options = std::make_shared<Options>();
  add_config_option(*command, options->config);
  command->add_option("--input", options->input, "Rows with responses, as for `golong score`; held in memory")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--threads", options->threads,
                   "Threads of the second rate; 0: all cores. Without it, rewards.threads")
      ->check(CLI::Range(0, 4096));
  command->add_option("--repetitions", options->repetitions, "Every time is the best of that many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run(*options); });
}

}  // namespace golong

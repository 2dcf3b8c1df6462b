// How fast the rewards score rows that hold their responses: what `golong bench score` measures.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/row_file.h"
#include "core/plugin/registry.h"

namespace golong {

// Of one reward. Times are seconds and the best of several repetitions.
struct RewardSpeed {
  std::string reward;
  size_t rows = 0;               // that were measured
  size_t responses = 0;          // of these rows
  double rows_per_second_1 = 0;  // through the scorer with one thread, for a second of processor time
  double rows_per_second = 0;    // through the scorer with rewards.threads, for a second on the wall
  // Processor time of one row in the reward alone, without queue, gate and watchdog: prepare, score each response.
  double mean = 0;
  double p50 = 0;
  double p99 = 0;
};

struct ScoreBenchmark {
  std::vector<RewardSpeed> rewards;  // sorted by name
  size_t threads = 0;                // of rows_per_second
  size_t left_out = 0;               // rows without a reward, or of which a response is not scored or fails the gate
};

// Reads all rows into memory first. Throws Error where no row can be measured.
ScoreBenchmark measure_rewards(const RowFile& rows, const Config& config,
                               const std::shared_ptr<const plugin::Registry>& registry, size_t repetitions);

}  // namespace golong

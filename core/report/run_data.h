// A run's folder as the report reads it.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/report/metrics.h"
#include "core/report/run_info.h"
#include "core/report/samples.h"
#include "core/report/summary.h"

namespace golong {

struct RunData {
  RunInfo info;                    // run.json, else named after the folder
  std::vector<std::string> tasks;  // that occur, the nine in the paper's order (A.2), then others by name
  std::vector<MetricsRow> metrics;
  std::vector<Sample> samples;
  std::optional<Summary> summary;
};

// Throws Error when metrics.jsonl is missing or a file is malformed.
RunData read_run(const std::filesystem::path& run_directory);

}  // namespace golong

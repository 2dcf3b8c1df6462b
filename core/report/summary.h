// summary.json: how a model scored on held-out rows before and after training, by task.
//
//   {"before": {"summarization": 0.31, ...}, "after": {...},
//    "standard_error": {"before": {"summarization": 0.02, ...}, "after": {...}},
//    "count": {"before": {"summarization": 100, ...}, "after": {...}}, "seed": 17}
//
// "before" and "after" hold task ids and mean rewards, nothing else.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>

namespace golong {

struct TaskScore {
  double mean = 0;
  std::optional<double> standard_error;  // of the mean over rows; none where there is one row
  int64_t count = 0;                     // rows that were scored
};

using TaskScores = std::map<std::string, TaskScore>;  // by task id

// Mean of the tasks' means; 0 where there are none.
double mean_over_tasks(const TaskScores& scores);

// Mean of rows' rewards with its standard error, sqrt(sum (r - mean)^2 / (n - 1) / n).
TaskScore task_score(std::span<const double> rewards);

struct Summary {
  TaskScores before;
  TaskScores after;
  std::optional<int64_t> seed;
};

// Atomically. A mean that is not finite is an Error.
void write_summary(const std::filesystem::path& path, const Summary& summary);

// Throws Error that names file and key. Standard errors and counts may be missing.
Summary read_summary(const std::filesystem::path& path);

}  // namespace golong

// metrics.jsonl: the numbers of a run, one line a step, {"step": 12, "reward/mean": 0.41, ...}. Names: paper E.4 and
// docs/reference/metrics.md.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/report/step_file.h"

namespace golong {

using Metrics = std::map<std::string, double>;

// A task's or key's name as a part of a metric's name: ' ' -> '_', '.' -> '-' (paper E.4).
std::string metric_part(std::string_view name);

// For a message about a name that is not there: the nearest one, and all that begin like it up to the first '/'.
std::string similar_names(const Metrics& metrics, std::string_view name);

// Not thread-safe: one writer.
class MetricsWriter {
 public:
  // `resumed_step`: the step of the checkpoint that the run goes on from; lines of later steps are cut off, so that no
  // step stands twice. None: a new run, the file starts empty.
  MetricsWriter(const std::filesystem::path& path, std::optional<int64_t> resumed_step);

  // One line, flushed. A number that is not finite is written as null. Throws Error when `step` is not after the last.
  void write(int64_t step, const Metrics& metrics);
  // More of the last step, which is `step` if its line is there; else a line of its own. What the line has is replaced.
  // Throws Error for an earlier step.
  void add(int64_t step, const Metrics& more);

 private:
  StepFile file_;
};

struct MetricsRow {
  int64_t step = 0;
  Metrics values;
};

// All lines, null as NaN. A torn last line is left out. Throws Error "FILE:LINE" for what is not such a file.
std::vector<MetricsRow> read_metrics(const std::filesystem::path& path);

}  // namespace golong

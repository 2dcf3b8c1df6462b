// A picture of reward curves for a README: static SVG, readable on light and dark pages, no script.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace golong {

struct CurvesOptions {
  std::string title = "Mean reward over training steps";
  std::vector<std::string> names;  // of the runs; default: run.json's, else the folder's
  bool tasks = true;               // one small plot a task below the large one
  int width = 960;
};

// Reads metrics.jsonl of each run folder. Runs of the same name (several seeds) become one curve: their mean, with the
// runs themselves faint behind it. Throws Error as write_report.
void write_curves_svg(const std::filesystem::path& out, const std::vector<std::filesystem::path>& run_directories,
                      const CurvesOptions& options = {});

}  // namespace golong

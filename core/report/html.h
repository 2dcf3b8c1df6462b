// report.html: what a run did, in one file that needs nothing else. Reads what a run's folder holds: metrics.jsonl, and
// where they are there samples.jsonl, summary.json (scores before and after) and run.json (facts about the run).
#pragma once
#include <filesystem>
#include <vector>

namespace golong {

// Writes `out` for one run, or for several beside one another (all curves in the same plots, in the order of the runs).
// Throws Error when a run has no metrics.jsonl or a file is malformed.
void write_report(const std::filesystem::path& out, const std::vector<std::filesystem::path>& run_directories);

}  // namespace golong

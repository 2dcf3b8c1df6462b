#include "core/report/run_data.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/base/error.h"

namespace golong {

namespace {

constexpr std::array<const char*, 9> paper_tasks = {"precise_retrieval",   "evidence_reasoning", "exhaustive_retrieval",
                                                    "numerical_reasoning", "table_extraction",   "structured_matching",
                                                    "graded_ranking",      "sequence_ordering",  "summarization"};

// The tasks that metrics, samples or the summary speak of.
std::vector<std::string> tasks_of(const RunData& run) {
  std::set<std::string> found;
  for (const MetricsRow& row : run.metrics) {
    for (const auto& [name, value] : row.values) {
      if (name.rfind("task_metrics/", 0) == 0) found.insert(name.substr(13, name.find('/', 13) - 13));
      if (name.rfind("reward/task/", 0) == 0) found.insert(name.substr(12));
    }
  }
  if (run.summary) {
    for (const TaskScores* scores : {&run.summary->before, &run.summary->after}) {
      for (const auto& [task, score] : *scores) found.insert(task);
    }
  }
  std::vector<std::string> tasks;
  for (const char* task : paper_tasks) {
    if (found.erase(task)) tasks.emplace_back(task);
  }
  tasks.insert(tasks.end(), found.begin(), found.end());
  return tasks;
}

}  // namespace

RunData read_run(const std::filesystem::path& run_directory) {
  RunData run;
  const auto metrics = run_directory / "metrics.jsonl";
  if (!std::filesystem::exists(metrics)) {
    fail(run_directory.string(), ": no metrics.jsonl; expected the folder of a training run (run.directory)");
  }
  run.metrics = read_metrics(metrics);
  const auto info = run_directory / "run.json";
  if (std::filesystem::exists(info)) {
    run.info = read_run_info(info);
  } else {
    const auto folder = std::filesystem::absolute(run_directory).lexically_normal();
    run.info.name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  }
  const auto samples = run_directory / "samples.jsonl";
  if (std::filesystem::exists(samples)) run.samples = read_samples(samples);
  const auto summary = run_directory / "summary.json";
  if (std::filesystem::exists(summary)) run.summary = read_summary(summary);
  run.tasks = tasks_of(run);
  return run;
}

}  // namespace golong

#include "core/train/run_files.h"

#include <cmath>
#include <cstdio>
#include <utility>

#include "core/base/file.h"
#include "core/config/toml_text.h"
#include "core/report/html.h"
#include "core/report/log.h"
#include "core/report/run_info.h"
#include "core/score/scorer.h"

namespace golong {

namespace fs = std::filesystem;

namespace {

// " 0.368 ± 0.041", 14 columns wide.
std::string with_error(const TaskScore& score) {
  char text[64];
  if (score.standard_error) {
    std::snprintf(text, sizeof text, "%6.3f ± %.3f", score.mean, *score.standard_error);
  } else {
    std::snprintf(text, sizeof text, "%6.3f%8s", score.mean, "");  // one row has no standard error
  }
  return text;
}

// Whether the step has measured on held-out rows.
bool is_measured(const fs::path& metrics, int64_t step) {
  const std::vector<MetricsRow> rows = read_metrics(metrics);
  return !rows.empty() && rows.back().step == step && rows.back().values.contains("eval/mean");
}

}  // namespace

RunFiles::RunFiles(const Config& config, std::optional<int64_t> resumed_step)
    : directory_(config.run.directory),
      config_(config.report),
      metrics_(directory_ / "metrics.jsonl", resumed_step),
      samples_(directory_ / "samples.jsonl", resumed_step) {
  if (config_.tensorboard) tensorboard_.emplace(directory_ / "tensorboard", resumed_step);
  summary_.seed = config.train.seed;
  // A resumed run keeps what was measured before its first step.
  if (resumed_step && fs::exists(directory_ / "summary.json")) {
    const Summary found = read_summary(directory_ / "summary.json");
    summary_.before = found.before;
    measured_ = !found.after.empty();
  }
  if (resumed_step && is_measured(directory_ / "metrics.jsonl", *resumed_step)) evaluated_ = resumed_step;
  write_run_info(directory_, directory_.filename().string(),
                 {{"model", config.model.path},
                  {"normalizer", config.train.normalizer},
                  {"seed", std::to_string(config.train.seed)},
                  {"prompts a step", std::to_string(config.train.prompts_per_step)},
                  {"responses a prompt", std::to_string(config.rollout.n)},
                  {"learning rate", toml_number(config.train.learning_rate)}},
                 resumed_step);
}

void RunFiles::step(int64_t step, const Metrics& metrics) {
  metrics_.write(step, metrics);
  if (tensorboard_) tensorboard_->write(step, metrics);
  if (metrics.contains("eval/mean")) evaluated_ = step;
  // The run was at its end once, and goes on: what it scored there is not what it scores after training.
  if (std::exchange(measured_, false)) write_summary(directory_ / "summary.json", summary_);
}

void RunFiles::measured_late(int64_t step, const Metrics& metrics) {
  if (tensorboard_ && evaluated_ != step) tensorboard_->write(step, metrics);
  metrics_.add(step, metrics);
  evaluated_ = step;
}

void RunFiles::samples(int64_t step, const std::vector<Group>& groups,
                       const std::vector<std::vector<double>>& advantages, const Tokenizer& tokenizer) {
  size_t wanted = std::min(groups.size(), static_cast<size_t>(std::max<int64_t>(config_.samples_per_step, 0)));
  for (size_t i = 0; i < wanted; ++i) {
    size_t g = i * groups.size() / wanted;
    const Prompt& prompt = groups[g].prompt;
    const Response& response = groups[g].responses[0];
    Sample sample{step,
                  prompt.task,
                  prompt.reward,
                  prompt.uid,
                  text_tail(tokenizer.decode(prompt.token_ids, false), 600),
                  response.text,
                  prompt.gold->json,
                  {},
                  name(response.outcome),
                  response.detail,
                  advantages[g][0]};
    if (response.outcome == Outcome::scored) sample.score = response.reward;
    samples_.write(sample);
  }
}

void RunFiles::sync_to_disk() const {
  golong::sync_to_disk(directory_ / "metrics.jsonl");
  golong::sync_to_disk(directory_ / "samples.jsonl");
  if (tensorboard_) tensorboard_->sync_to_disk();
}

void RunFiles::before(const Evaluation& evaluation) {
  summary_.before = evaluation.tasks;
  write_summary(directory_ / "summary.json", summary_);
  if (tensorboard_) tensorboard_->write(0, eval_metrics(evaluation));
}

void RunFiles::after(int64_t step, const Evaluation& evaluation) {
  summary_.after = evaluation.tasks;
  write_summary(directory_ / "summary.json", summary_);
  // A run that is resumed at its end is measured again; TensorBoard has that already.
  if (tensorboard_ && !measured_ && evaluated_ != step) tensorboard_->write(step, eval_metrics(evaluation));
  if (summary_.before.empty()) return;
  std::printf("\n%-24s %7s  %14s  %14s %8s\n", "held-out rows", "rows", "before", "after", "change");
  TaskScores shown_before, shown_after;  // of the tasks that both have
  for (const auto& [task, share] : evaluation.not_scored) {
    auto before = summary_.before.find(task), after = summary_.after.find(task);
    if (before == summary_.before.end() || after == summary_.after.end()) {
      std::printf("%-24s %7s  could not be scored\n", task.c_str(), "");
      continue;
    }
    shown_before.insert(*before);
    shown_after.insert(*after);
    std::printf("%-24s %7lld  %s  %s %+8.3f", task.c_str(), static_cast<long long>(after->second.count),
                with_error(before->second).c_str(), with_error(after->second).c_str(),
                after->second.mean - before->second.mean);
    if (before->second.count != after->second.count)
      std::printf("  (before: %lld rows)", static_cast<long long>(before->second.count));
    if (share > 0) std::printf("  (%.1f %% of the responses not scored)", 100 * share);
    std::printf("\n");
  }
  double before = mean_over_tasks(shown_before), after = mean_over_tasks(shown_after);
  std::printf("%-24s %7s  %6.3f%8s  %6.3f%8s %+8.3f\n", "mean over tasks", "", before, "", after, "", after - before);
  double parsed = 0;
  for (const auto& [task, share] : evaluation.parsed) parsed += share / static_cast<double>(evaluation.parsed.size());
  std::printf("%.1f %% of the answers after training can be read (exactly one </think>)\n\n", 100 * parsed);
  std::fflush(stdout);
}

void RunFiles::report() const {
  if (!config_.html) return;
  write_report(directory_ / "report.html", {directory_});
  log::info("wrote ", (directory_ / "report.html").string());
}

}  // namespace golong

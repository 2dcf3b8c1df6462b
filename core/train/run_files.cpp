#include "core/train/run_files.h"

#include <cmath>
#include <cstdio>

#include "core/config/toml_text.h"
#include "core/report/html.h"
#include "core/report/log.h"
#include "core/score/scorer.h"

namespace golong {

namespace fs = std::filesystem;

RunFiles::RunFiles(const Config& config, std::optional<int64_t> resumed_step)
    : directory_(config.run.directory),
      config_(config.report),
      metrics_(directory_ / "metrics.jsonl", resumed_step),
      samples_(directory_ / "samples.jsonl", resumed_step) {
  summary_.seed = config.train.seed;
  // A resumed run keeps what was measured before its first step.
  if (resumed_step && fs::exists(directory_ / "summary.json")) {
    summary_.before = read_summary(directory_ / "summary.json").before;
  }
  write_run_info(directory_, {directory_.filename().string(),
                              {{"model", config.model.path},
                               {"normalizer", config.train.normalizer},
                               {"seed", std::to_string(config.train.seed)},
                               {"prompts a step", std::to_string(config.train.prompts_per_step)},
                               {"responses a prompt", std::to_string(config.rollout.n)},
                               {"learning rate", toml_number(config.train.learning_rate)}}});
}

void RunFiles::step(int64_t step, const Metrics& metrics) { metrics_.write(step, metrics); }

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

void RunFiles::before(const Evaluation& evaluation) {
  summary_.before = evaluation.tasks;
  write_summary(directory_ / "summary.json", summary_);
}

void RunFiles::after(const Evaluation& evaluation) {
  summary_.after = evaluation.tasks;
  write_summary(directory_ / "summary.json", summary_);
  if (summary_.before.empty()) return;
  std::printf("\n%-24s %7s %16s %16s %8s\n", "held-out rows", "rows", "before", "after", "change");
  double before_sum = 0, after_sum = 0;
  for (const auto& [task, after] : summary_.after) {
    const TaskScore& before = summary_.before[task];
    std::printf("%-24s %7lld %8.3f ± %.3f %8.3f ± %.3f %+8.3f\n", task.c_str(), static_cast<long long>(after.count),
                before.mean, before.standard_error.value_or(NAN), after.mean, after.standard_error.value_or(NAN),
                after.mean - before.mean);
    before_sum += before.mean;
    after_sum += after.mean;
  }
  double tasks = static_cast<double>(std::max<size_t>(summary_.after.size(), 1));
  std::printf("%-24s %7s %8.3f %17.3f %15s%+.3f\n\n", "mean over tasks", "", before_sum / tasks, after_sum / tasks, "",
              (after_sum - before_sum) / tasks);
  std::fflush(stdout);
}

void RunFiles::report() const {
  if (!config_.html) return;
  write_report(directory_ / "report.html", {directory_});
  log::info("wrote ", (directory_ / "report.html").string());
}

}  // namespace golong

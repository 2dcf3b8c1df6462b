#include "core/eval/evaluate.h"

#include "core/rollout/options.h"
#include "core/score/gate.h"

namespace golong {

namespace {

// Sums of one task while groups come in.
struct Tally {
  std::vector<double> rows;
  double responses = 0, parsed = 0, not_scored = 0;

  void add(const Group& group, const RewardsConfig& config) {
    double sum = 0, counted = 0;
    for (const Response& response : group.responses) {
      responses += 1;
      parsed += gate(response.text).empty();
      not_scored += response.outcome != Outcome::scored;
      if (!counts(response, config)) continue;
      sum += response.reward;
      counted += 1;
    }
    if (counted > 0) rows.push_back(sum / counted);
  }
};

}  // namespace

Metrics eval_metrics(const Evaluation& evaluation) {
  Metrics metrics;
  for (const auto& [task, score] : evaluation.tasks) metrics["eval/" + metric_part(task)] = score.mean;
  if (!evaluation.tasks.empty()) metrics["eval/mean"] = mean_over_tasks(evaluation.tasks);
  return metrics;
}

std::vector<size_t> rows_to_measure(const Dataset& dataset, const EvalConfig& config) {
  std::vector<size_t> rows;
  std::map<std::string, int64_t> taken;
  for (size_t i = 0; i < dataset.size(); ++i) {
    if (config.rows_per_task == 0 || taken[dataset.task(i)]++ < config.rows_per_task) rows.push_back(i);
  }
  return rows;
}

Evaluation evaluate(Answerer& answerer, const Dataset& dataset, const std::shared_ptr<const Tokenizer>& tokenizer,
                    const std::vector<int32_t>& stop_ids, const Config& config, int64_t weights_step,
                    const std::function<bool()>& should_stop, const std::function<void(size_t done)>& on_progress) {
  const std::vector<size_t> chosen = rows_to_measure(dataset, config.eval);
  const Sampling sampling = eval_sampling(config, stop_ids, tokenizer);
  std::map<std::string, Tally> tallies;
  // As many prompts at a time as the engines run together, so that memory stays bounded.
  const int64_t together = config.rollout.max_running_responses / config.eval.n;
  const auto batch = static_cast<size_t>(std::max<int64_t>(1, together) * answerer.ranks());
  for (size_t start = 0; start < chosen.size(); start += batch) {
    std::vector<Prompt> prompts;
    for (size_t i = start; i < std::min(chosen.size(), start + batch); ++i)
      prompts.push_back(dataset.prompt(chosen[i]));
    const std::vector<Group> groups =
        answerer.answer(std::move(prompts), sampling, static_cast<uint64_t>(config.eval.seed), Stream::eval,
                        weights_step, {.should_stop = should_stop});
    for (const Group& group : groups) tallies[group.prompt.task].add(group, config.rewards);
    if (on_progress) on_progress(std::min(chosen.size(), start + batch));
  }
  Evaluation evaluation;
  for (const auto& [task, tally] : tallies) {
    if (!tally.rows.empty()) evaluation.tasks[task] = task_score(tally.rows);
    evaluation.parsed[task] = tally.parsed / tally.responses;
    evaluation.not_scored[task] = tally.not_scored / tally.responses;
  }
  return evaluation;
}

}  // namespace golong

// Measuring a model: held-out rows, sampled or greedy, scored by their rewards, by task.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/dataset.h"
#include "core/eval/answerer.h"
#include "core/report/metrics.h"
#include "core/report/summary.h"

namespace golong {

struct Evaluation {
  TaskScores tasks;  // mean reward of rows (each the mean of its n responses); no task of which no row was scored
  std::map<std::string, double> parsed;      // share of responses that pass the gate, by task
  std::map<std::string, double> not_scored;  // share of responses whose outcome is not `scored`, by task
};

// For metrics.jsonl: eval/<task>, and their mean eval/mean.
Metrics eval_metrics(const Evaluation& evaluation);

// The rows that an evaluation answers: the first `rows_per_task` of each task (0: all), in the order of the data.
std::vector<size_t> rows_to_measure(const Dataset& dataset, const EvalConfig& config);

// Answers the rows to measure n times as `config.eval` says. The noise is that of Stream::eval and eval.seed: two
// models see the same. `weights_step` names the weights. Rows of which nothing was scored are left out of the means.
// Throws Stopped.
Evaluation evaluate(Answerer& answerer, const Dataset& dataset, const std::shared_ptr<const Tokenizer>& tokenizer,
                    const std::vector<int32_t>& stop_ids, const Config& config, int64_t weights_step,
                    const std::function<bool()>& should_stop = {},
                    const std::function<void(size_t done)>& on_progress = {});

}  // namespace golong

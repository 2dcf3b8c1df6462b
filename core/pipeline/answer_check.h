// Scores perfect answers: a question whose own answer does not get the full reward cannot be learned from.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/row.h"
#include "core/pipeline/task_maker.h"
#include "core/score/scorer.h"

namespace golong {

class AnswerCheck {
 public:
  AnswerCheck(const Config& config, const std::shared_ptr<const plugin::Registry>& registry);

  // For each row (JSON) whether the answer of `task` to its gold is scored and gets at least 0.999 by the row's reward.
  std::vector<bool> perfect(const TaskMaker& task, const std::vector<std::string>& rows) const;

 private:
  Router router_;
  Scorer scorer_;
};

}  // namespace golong

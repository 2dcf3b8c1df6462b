// The batch of a step: prompts are drawn, answered and scored until there are enough groups whose rewards differ.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/dataset.h"
#include "core/data/group.h"
#include "core/data/sampler.h"
#include "core/eval/answerer.h"
#include "core/report/metrics.h"
#include "core/report/progress.h"
#include "core/train/draw_size.h"
#include "core/train/workspace.h"

namespace golong {

class Collector {
 public:
  // Config, workspace and answerer outlive it.
  Collector(const Config& config, const Workspace& work, std::shared_ptr<const Dataset> rows, Answerer& answerer);

  // train.prompts_per_step groups (paper E.2). Surplus is dropped, or waits for the next step, which takes it first.
  // Throws Error that says what to change where train.max_generation_batches draws are not enough, and Stopped.
  std::vector<Group> collect(int64_t step, Progress& progress, const std::function<bool()>& should_stop,
                             Metrics& metrics);

  // What decides about the next batch beside the weights.
  struct State {
    std::string draws;           // of the sampler
    std::vector<Group> surplus;  // groups that wait (train.keep_surplus), oldest first
  };
  State state() const { return {sampler_.save(), surplus_}; }
  void restore(State state);  // throws Error where it is of other data, seed or weights

 private:
  struct Generated;
  std::vector<Group> generate(int64_t step, Progress& progress, const std::function<bool()>& should_stop,
                              Generated& generated);
  Metrics metrics_of(const Generated& generated) const;

  const Config& config_;
  const Workspace& work_;
  Sampler sampler_;
  Answerer& answerer_;
  std::vector<Group> surplus_;
};

}  // namespace golong

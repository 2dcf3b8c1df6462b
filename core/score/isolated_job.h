// Scoring one group with an isolated reward: a worker process makes the calls, one response after another, and is
// replaced when it hangs or dies. Groups are scored at the same time by as many workers as there are scoring threads.
#pragma once
#include <memory>
#include <optional>

#include "core/base/thread_pool.h"
#include "core/score/group_work.h"
#include "core/score/isolated_reward.h"

namespace golong {

class IsolatedJob {
 public:
  IsolatedJob(ScoreContext context, GroupWork work, std::shared_ptr<IsolatedReward> reward);
  ~IsolatedJob();

  // Puts the work into the pool. Each item is reported to the batch, whatever happens.
  static void start(std::shared_ptr<IsolatedJob> job, ThreadPool& pool);

 private:
  void run();
  std::optional<ScoreResult> prepare();
  ScoreResult score(size_t item);
  void release();

  const ScoreContext context_;
  const GroupWork work_;
  const std::shared_ptr<IsolatedReward> reward_;
  std::unique_ptr<WorkerProcess> worker_;  // that has read the gold; null: none has
};

}  // namespace golong

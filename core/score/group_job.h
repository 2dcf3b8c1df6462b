// Scoring one group with one reward in the scoring threads: `prepare` once, `score` for each response, `release` when
// the last is done.
#pragma once
#include <atomic>
#include <memory>

#include "core/base/thread_pool.h"
#include "core/data/gold_view.h"
#include "core/score/group_work.h"
#include "core/score/reward_instances.h"

namespace golong {

// Lives as long as one of its calls runs; calls `release` when it goes. A call that hangs keeps the job, and everything
// that the plugin may still touch, for ever.
class GroupJob : public std::enable_shared_from_this<GroupJob> {
 public:
  GroupJob(ScoreContext context, GroupWork work, std::shared_ptr<RewardInstances> rewards);
  ~GroupJob();

  // Puts the work into the pool, which then owns the job alone: what it holds is free as soon as it is done. Each item
  // is reported to the batch, whatever happens.
  static void start(std::shared_ptr<GroupJob> job, ThreadPool& pool);

 private:
  void run(ThreadPool& pool);
  bool prepare();
  bool score(size_t item, ThreadPool& pool);
  void release();
  void lose(size_t item, ThreadPool& pool);
  void leave_batch();

  const ScoreContext context_;
  const GroupWork work_;
  const std::shared_ptr<RewardInstances> rewards_;
  const GoldView gold_view_;
  std::shared_ptr<const plugin::Instance> instance_;
  void* prepared_ = nullptr;
  bool is_prepared_ = false;
  std::atomic<bool> has_left_ = false;
};

}  // namespace golong

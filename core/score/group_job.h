// Scoring one group with one reward: `prepare` once, `score` for each response, `release` when the last is done.
#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/base/thread_pool.h"
#include "core/data/gold_view.h"
#include "core/score/batch.h"
#include "core/score/reward_instances.h"
#include "core/score/watchdog.h"

namespace golong {

// What all jobs of a scorer share.
struct ScoreContext {
  std::chrono::nanoseconds deadline;  // of one response
  std::chrono::nanoseconds grace;     // after it, before a call is given up
  std::shared_ptr<Watchdog> watchdog;

  // Reading the gold serves the whole group and may open files: it has ten times as long as a response.
  std::chrono::nanoseconds prepare_deadline() const { return deadline * 10; }
};

// One response on its way to a reward. Owns its text, since a call that hangs may read it for ever.
struct ScoreItem {
  size_t response;  // index in its group
  std::string text;
};

// Lives as long as one of its calls runs; calls `release` when it goes. A call that hangs keeps the job, and everything
// that the plugin may still touch, for ever.
class GroupJob : public std::enable_shared_from_this<GroupJob> {
 public:
  GroupJob(ScoreContext context, std::shared_ptr<Batch> batch, std::shared_ptr<RewardInstances> rewards,
           std::shared_ptr<const Gold> gold, std::string uid, size_t group, std::vector<ScoreItem> items);
  ~GroupJob();

  // Puts the work into the pool, which then owns the job alone: what it holds is free as soon as it is done. Each item
  // is reported to the batch, whatever happens.
  static void start(std::shared_ptr<GroupJob> job, ThreadPool& pool);

 private:
  struct CallState;

  void run(ThreadPool& pool);
  bool prepare();
  bool score(size_t item, ThreadPool& pool);
  ScoreResult call_score(const std::string& text, const std::atomic<bool>& given_up, Clock::time_point deadline) const;
  void release();
  void finish(size_t item, ScoreResult result);
  void finish_all(Outcome outcome, const std::string& reason);
  void lose(size_t item, ThreadPool& pool);
  void leave_batch();
  std::string name() const;
  std::string name(size_t item) const;

  const ScoreContext context_;
  const std::shared_ptr<Batch> batch_;
  const std::shared_ptr<RewardInstances> rewards_;
  const std::shared_ptr<const Gold> gold_;
  const GoldView gold_view_;
  const std::string uid_;
  const size_t group_;
  const std::vector<ScoreItem> items_;
  std::shared_ptr<const plugin::Instance> instance_;
  void* prepared_ = nullptr;
  bool is_prepared_ = false;
  std::atomic<bool> has_left_ = false;
};

}  // namespace golong

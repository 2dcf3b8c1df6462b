// The responses that one call of Scorer::score scores: who still works on them, and what came out.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "core/data/group.h"
#include "core/score/watchdog.h"

namespace golong {

struct ScoreResult {
  Outcome outcome = Outcome::error;
  double score = 0;
  std::string detail;
};

// Results by group and response, and a count of what is not finished. Held by shared pointers. Thread-safe.
class Batch {
 public:
  explicit Batch(size_t groups) : results_(groups) {}

  // Before any work starts.
  void expect(size_t group, size_t responses) { results_[group].resize(responses); }

  // Something to wait for begins: a response, or a group's job, which ends when its plugin has released everything.
  void enter(size_t count);
  void leave(size_t count);

  // One response is finished. Each is reported once.
  void finish(size_t group, size_t response, ScoreResult result);

  // No more results are wanted: work that has not begun does nothing.
  void stop();
  bool stopped() const { return stopped_; }

  // Waits until everything has ended, `until` at the latest. True when it has.
  bool wait(Clock::time_point until);

  // After wait() returned true.
  const ScoreResult& result(size_t group, size_t response) const { return results_[group][response]; }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  size_t pending_ = 0;
  std::atomic<bool> stopped_ = false;
  std::vector<std::vector<ScoreResult>> results_;
};

}  // namespace golong

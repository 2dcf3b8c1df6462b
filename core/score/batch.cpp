#include "core/score/batch.h"

#include <utility>

namespace golong {

void Batch::enter(size_t count) {
  std::lock_guard lock(mutex_);
  pending_ += count;
}

void Batch::leave(size_t count) {
  std::lock_guard lock(mutex_);
  pending_ -= count;
  if (pending_ == 0) ended_.notify_all();
}

void Batch::finish(size_t group, size_t response, ScoreResult result) {
  {
    std::lock_guard lock(mutex_);
    results_[group][response] = std::move(result);
  }
  leave(1);
}

void Batch::stop() { stopped_ = true; }

bool Batch::wait(Clock::time_point until) {
  std::unique_lock lock(mutex_);
  return ended_.wait_until(lock, until, [&] { return pending_ == 0; });
}

}  // namespace golong

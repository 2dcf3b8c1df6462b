// Finds calls into plugins that ignore their deadline.
//
// A thread that hangs in foreign code cannot be stopped. What can be done: stop waiting for it, put another thread in
// its place, and leave it everything that it may still touch.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/base/thread_pool.h"

namespace golong {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC, as `golong_call.deadline_ns` asks

// All members may be called from any thread. Held by shared pointers, since a hanging call still reports its end.
class Watchdog {
 public:
  // A call that runs. `given_up` becomes true when nobody waits for the call any more.
  struct Ticket {
    uint64_t id = 0;
    std::shared_ptr<std::atomic<bool>> given_up;
  };

  // The calling worker begins the call `name` that has to end by `latest`. `lost` is called once, by check(), when it
  // does not.
  Ticket begin(std::string name, Clock::time_point latest, std::function<void()> lost);

  // The call has ended. False: too late, `lost` was called or will be.
  bool end(const Ticket& ticket);

  // Gives up the calls that should have ended, and their workers in `pool`. Returns when to look again: `none` when
  // nothing runs.
  Clock::time_point check(ThreadPool& pool, Clock::time_point none);

  // Gives up every call that runs, without telling anybody.
  void abandon(ThreadPool& pool);

  // Calls that were given up and still run.
  size_t lost() const { return lost_; }

  // The name of the call that was given up last.
  std::string last_lost();

 private:
  struct Running {
    std::string name;
    Clock::time_point latest;
    ThreadPool::Worker worker;
    std::shared_ptr<std::atomic<bool>> given_up;
    std::function<void()> lost;
  };

  std::mutex mutex_;
  std::map<uint64_t, Running> running_;
  uint64_t last_id_ = 0;
  std::string last_lost_;
  std::atomic<size_t> lost_ = 0;
};

}  // namespace golong

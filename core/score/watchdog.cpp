#include "core/score/watchdog.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace golong {

Watchdog::Ticket Watchdog::begin(std::string name, Clock::time_point latest, std::function<void()> lost) {
  auto given_up = std::make_shared<std::atomic<bool>>(false);
  std::lock_guard lock(mutex_);
  running_[++last_id_] = {std::move(name), latest, ThreadPool::current(), given_up, std::move(lost)};
  return {last_id_, given_up};
}

bool Watchdog::end(const Ticket& ticket) {
  std::lock_guard lock(mutex_);
  if (running_.erase(ticket.id)) return true;
  --lost_;
  return false;
}

Clock::time_point Watchdog::check(ThreadPool& pool, Clock::time_point none) {
  std::vector<Running> gone;
  Clock::time_point next = none;
  {
    std::lock_guard lock(mutex_);
    Clock::time_point now = Clock::now();
    for (auto call = running_.begin(); call != running_.end();) {
      if (call->second.latest <= now) {
        last_lost_ = call->second.name;
        gone.push_back(std::move(call->second));
        call = running_.erase(call);
        ++lost_;
      } else {
        next = std::min(next, call->second.latest);
        ++call;
      }
    }
  }
  for (Running& call : gone) {
    *call.given_up = true;
    pool.give_up(call.worker);
    call.lost();
  }
  return next;
}

std::string Watchdog::last_lost() {
  std::lock_guard lock(mutex_);
  return last_lost_;
}

void Watchdog::abandon(ThreadPool& pool) {
  std::lock_guard lock(mutex_);
  for (auto& [id, call] : running_) {
    *call.given_up = true;
    pool.give_up(call.worker);
    ++lost_;
  }
  running_.clear();
}

}  // namespace golong

// Time as it counts against others.
#pragma once
#include <algorithm>
#include <chrono>

namespace golong::parallel {

// Time that others had: of what passes between two questions no more than `most` counts, for if this process stood
// still so long (a machine that was paused, or has more to do than it can), others may have as well. Who asks more
// often than every `most` counts all time. Not thread-safe.
template <class Source = std::chrono::steady_clock>
class FairClock {
 public:
  using time_point = typename Source::time_point;

  explicit FairClock(typename Source::duration most) : most_(most) {}

  time_point now() {
    const time_point real = Source::now();
    fair_ += std::min(real - real_, most_);
    real_ = real;
    return fair_;
  }

 private:
  typename Source::duration most_;
  time_point real_ = Source::now(), fair_ = real_;
};

}  // namespace golong::parallel

// Faults: a rank that fails, is gone, stands still or does not come is noticed by the others, which stop and say so.
//
// Every rank has a thread that leaves a note about itself every second or so, and reads those of the others. A note has
// a number that goes up, so that only the reader's own clock matters; the state of the rank; and how far it is in each
// of its groups. Rank 0 keeps the notes: where it is gone or stands still, the notes say so by their silence.
#pragma once
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "core/base/rank_errors.h"
#include "core/parallel/world.h"

namespace golong::parallel {

struct WatchOptions {
  // parallel.heartbeat_seconds, in the time of fair_clock.h: where this process itself stands still it counts little.
  std::chrono::milliseconds silence = std::chrono::seconds(60);
  // What a rank has to end by itself when another has failed: most find out where they wait for it.
  std::chrono::milliseconds grace = std::chrono::seconds(10);
};

// Lives within the world, around all that this rank does with others. A rank that cannot go on, and does not come to
// say so (it waits for one that is gone, or computes), is ended from the watch's thread: a line on stderr and in the
// log, and status_other_rank_failed. Of one rank it does nothing.
class Watch {
 public:
  // All ranks call it together.
  Watch(World& world, const WatchOptions& options);
  // Says that this rank leaves. Rank 0 waits until the others have left, or, where it failed, have heard of it.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Errors from here on are RankFailed: to start again may help.
  void training_begins() { training_ = true; }

  // Runs the function; where it throws, the others are told why before the error goes on.
  template <class Function>
  auto guard(const Function& function) -> decltype(function()) {
    try {
      return function();
    } catch (const Stopped&) {
      throw;
    } catch (const OtherRankFailed& error) {
      tell_end(error.what(), false);
      throw;
    } catch (const std::exception& error) {
      tell_end(error.what(), true);
      if (training_ && state_) throw RankFailed(error.what());
      throw;
    }
  }

 private:
  struct State;
  void tell_end(const std::string& why, bool failed);

  std::unique_ptr<State> state_;  // nullptr: one rank
  bool training_ = false;
};

}  // namespace golong::parallel

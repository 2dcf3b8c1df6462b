// How one rank of several ends when the job cannot go on. `golong` gives each an exit status of its own, which tells
// whoever started the ranks what to say and whether to start again (core/cli/launch_ranks.h).
#pragma once
#include "core/base/error.h"

namespace golong {

// Another rank failed, is gone or does not come: the cause lies there.
class OtherRankFailed : public Error {
 public:
  using Error::Error;
};

// A rank has not done within its time what others wait for.
class Overdue : public OtherRankFailed {
 public:
  using OtherRankFailed::OtherRankFailed;
};

// All ranks have this error, at the same place: what they do together still works.
class ErrorOfAll : public Error {
 public:
  using Error::Error;
};

// fail() where all ranks come to the same end.
template <class... Parts>
[[noreturn]] void fail_all(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw ErrorOfAll(message.str());
}

// This rank failed after training had begun: there may be a checkpoint to go on from.
class RankFailed : public Error {
 public:
  using Error::Error;
};

constexpr int status_other_rank_failed = 4;
constexpr int status_rank_failed = 5;

}  // namespace golong

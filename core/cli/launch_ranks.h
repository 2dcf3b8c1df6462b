// The ranks that `golong launch` runs on this machine: processes of this program that know who they are.
#pragma once
#include <poll.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/child_process.h"
#include "core/cli/rank_output.h"

namespace golong {

// What is started. Node k of m runs the ranks k*n .. k*n+n-1 of m*n.
struct LaunchPlan {
  int64_t ranks_per_node = 1, nodes = 1, node = 0;
  std::vector<std::string> command;  // "train", "demo.toml"

  int64_t first_rank() const { return node * ranks_per_node; }
  int64_t ranks() const { return nodes * ranks_per_node; }
};

// Where and when the ranks of one start meet.
struct Meeting {
  std::string host;
  int64_t port = 0;
  int64_t restart = 0;  // how often they were started before
};

// How a rank ended that did not end well.
struct RankFailure {
  int64_t rank = 0;
  std::string how;         // "was ended by signal 9 (Killed)"
  int64_t status = 1;      // exit status that says the same: 128 + 9
  bool elsewhere = false;  // because of another rank, as it says itself, or by a signal that we sent
  bool again = false;      // to start again may help
  std::string lines;       // the last that it wrote; "" of rank 0, whose output went its own way
};

// One start of this machine's ranks. Rank 0 writes where this process does; what others write goes to stderr with their
// number. Not thread-safe. Ranks that still run are killed when the object goes.
class LaunchedRanks {
 public:
  LaunchedRanks(const LaunchPlan& plan, const Meeting& meeting);

  void poll_for(std::vector<pollfd>& files) const;  // adds the pipes of output
  void pass_on_output();
  void signal(int number);  // to those that run
  // Those that ended badly since it was last asked, in the order of ranks.
  std::vector<RankFailure> failures();
  bool all_ended();
  int64_t highest_status() const { return highest_status_; }  // of those that ended as they were asked to: 0 or 130

 private:
  struct Rank {
    int64_t number;
    std::unique_ptr<RankOutput> output;  // nullptr: its own
    ChildProcess process;
    bool ended = false;
  };
  RankFailure failure(const Rank& rank, int status) const;

  std::vector<Rank> ranks_;
  int64_t highest_status_ = 0;
  std::set<int> sent_;  // signals
};

}  // namespace golong

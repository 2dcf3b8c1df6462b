// A job of `golong launch` from its first start to its end.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "core/cli/launch_ranks.h"

namespace golong {

struct LaunchOptions {
  LaunchPlan plan;
  std::string rendezvous;          // HOST:PORT; of more than one node
  int64_t restarts = 0;            // at most; those of node 0 count
  std::chrono::seconds grace{10};  // between asking ranks to end and killing them
};

// Starts the ranks, again where they failed and it may help, and returns the exit status: that of the rank which
// failed, else the highest. SIGINT, SIGTERM and SIGHUP are passed on to the ranks; a second one kills them. For a
// process with one thread. Throws Error and Stopped as LaunchNodes::meet() does.
int run_job(const LaunchOptions& options);

}  // namespace golong

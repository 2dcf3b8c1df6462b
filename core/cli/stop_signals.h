// Ctrl-C: the first SIGINT or SIGTERM asks a long command to save and stop, the second ends the program at once.
#pragma once
#include <csignal>
#include <string>

#include "core/train/api.h"

namespace golong {

// Handles the two signals for as long as it lives. One at a time.
class StopSignals {
 public:
  // `message` is printed at the first signal ("stopping after this step").
  explicit StopSignals(const std::string& message);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static StopFlag* flag();
  bool stopped();

 private:
  struct sigaction interrupt_, terminate_;  // what was there before
};

}  // namespace golong

#include "core/cli/stop_signals.h"

#include <unistd.h>

#include <cassert>
#include <cerrno>

namespace golong {
namespace {

// What a signal handler touches: lock-free, and fixed before the handler is installed.
StopFlag stop_flag{0};
static_assert(StopFlag::is_always_lock_free);
std::string interrupted, terminated;  // what is said of each signal
bool in_use = false;

void handle(int signal) {
  const int reason = errno;
  if (stop_flag.exchange(1) != 0) _exit(130);
  const std::string& notice = signal == SIGINT ? interrupted : terminated;
  if (::write(STDERR_FILENO, notice.data(), notice.size()) < 0) {
    // Nobody can be told; the flag is set all the same.
  }
  errno = reason;
}

}  // namespace

StopSignals::StopSignals(const std::string& message) {
  assert(!in_use);
  in_use = true;
  stop_flag = 0;
  interrupted = "\ngolong: " + message + " (press Ctrl-C again to stop at once)\n";
  terminated = "golong: somebody asked this process to end\n";  // perhaps for another rank has failed
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &interrupt_);
  sigaction(SIGTERM, &action, &terminate_);
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &interrupt_, nullptr);
  sigaction(SIGTERM, &terminate_, nullptr);
  in_use = false;
}

StopFlag* StopSignals::flag() { return &stop_flag; }
bool StopSignals::stopped() { return stop_flag.load() != 0; }

}  // namespace golong

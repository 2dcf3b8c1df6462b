#include "core/cli/signal_file.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace golong {

SignalFile::SignalFile() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::sigaddset(&set, number);
  ::sigprocmask(SIG_BLOCK, &set, &before_);
  file_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (file_ < 0) fail("cannot wait for signals: ", std::strerror(errno));
}

SignalFile::~SignalFile() {
  take();  // those that nobody has asked for would strike now
  ::close(file_);
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::vector<int> SignalFile::take() {
  std::vector<int> numbers;
  signalfd_siginfo info;
  while (::read(file_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGCHLD) numbers.push_back(static_cast<int>(info.ssi_signo));
  }
  return numbers;
}

}  // namespace golong

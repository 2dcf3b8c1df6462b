// Signals that are read from a file, beside all else that is waited for.
#pragma once
#include <signal.h>

#include <vector>

namespace golong {

// SIGINT, SIGTERM, SIGHUP and SIGCHLD wait to be taken while it lives, in a process with one thread. One at a time.
class SignalFile {
 public:
  SignalFile();  // Throws Error with the system's reason
  ~SignalFile();
  SignalFile(const SignalFile&) = delete;
  SignalFile& operator=(const SignalFile&) = delete;

  int file() const { return file_; }  // readable when a signal has come
  std::vector<int> take();            // those that have come but SIGCHLD, which only ends the waiting

 private:
  int file_;
  sigset_t before_;
};

}  // namespace golong

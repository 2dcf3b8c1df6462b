// This program, started a second time: with other arguments and environment, watched, and gone when the object is.
#pragma once
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace golong {

struct ChildOptions {
  std::vector<std::string> arguments;              // without the program's name
  std::map<std::string, std::string> environment;  // set beside what this process has
  int output = -1;                                 // its stdout and stderr; -1: those of this process
};

// In a process group of its own, so that Ctrl-C in a terminal reaches it only through who started it; stdin is empty.
// It gets SIGTERM when this process dies. Made by a process with one thread. Not thread-safe.
class ChildProcess {
 public:
  // Throws Error with the system's reason.
  explicit ChildProcess(const ChildOptions& options);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) = delete;
  ~ChildProcess();  // kills it and waits for it, where it has not ended

  void signal(int number);  // nothing where it has ended
  // As waitpid() tells it; none while it runs.
  std::optional<int> status();

 private:
  pid_t id_ = 0;
  std::optional<int> status_;
};

}  // namespace golong

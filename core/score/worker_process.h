// A worker process seen from outside: started, asked, and killed when it does not answer.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "core/score/worker_channel.h"
#include "core/score/worker_messages.h"

namespace golong {

// The program golong-worker: bin/golong-worker beside the folder of the library that this code is in, in a build and
// where golong is installed. Throws Error where there is none.
std::filesystem::path worker_program();

// What became of a request.
struct WorkerAnswer {
  enum class Kind { reply, late, died };
  Kind kind = Kind::reply;
  ScoreResult result;  // of a reply
  std::string death;   // "its worker process died: signal 11 (Segmentation fault)"
};

// Not thread-safe. The process, and what it has started, is gone and waited for when the object is.
class WorkerProcess {
 public:
  // Starts the program in a process group of its own, with nothing open but stderr (stdout goes there, too) and the
  // socket. Throws Error with the system's reason.
  explicit WorkerProcess(const std::filesystem::path& program);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // Sends a request and waits for its reply until `latest`. After any other answer the process was killed.
  WorkerAnswer ask(FrameKind kind, std::string_view payload, Clock::time_point latest);

  // False when the process was killed, or has died or spoken without being asked: it is of no more use.
  bool usable() const { return process_ > 0 && channel_->quiet(); }

 private:
  WorkerAnswer failed(Exchange exchange);
  std::string end();

  std::optional<WorkerChannel> channel_;
  pid_t process_ = 0;
  uint64_t requests_ = 0;
};

}  // namespace golong

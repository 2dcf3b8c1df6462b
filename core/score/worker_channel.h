// Frames over a stream socket between golong and a worker process, with deadlines. Nothing that the other end does or
// leaves undone blocks longer than asked.
//
// A frame is a header of 24 bytes {magic u32, kind u32, number u64, payload bytes u64} and the payload. Numbers are in
// the machine's own byte order: both ends are of one build on one machine.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/score/watchdog.h"

namespace golong {

enum class FrameKind : uint32_t { start = 1, prepare, score, release, reply };

struct Frame {
  FrameKind kind = FrameKind::reply;
  uint64_t number = 0;  // of the request; a reply carries that of its request
  std::string payload;
};

// How an exchange ended.
enum class Exchange {
  done,
  late,    // not complete in time
  closed,  // the other end is gone
  garbage  // what came is no frame, or is larger than allowed
};

// Owns the socket. After anything but `done` it is of no more use. Not thread-safe.
class WorkerChannel {
 public:
  explicit WorkerChannel(int socket) : socket_(socket) {}
  ~WorkerChannel();
  WorkerChannel(const WorkerChannel&) = delete;
  WorkerChannel& operator=(const WorkerChannel&) = delete;

  static constexpr Clock::time_point never = Clock::time_point::max();

  Exchange send(FrameKind kind, uint64_t number, std::string_view payload, Clock::time_point latest);

  // A payload of more than `most_bytes` is garbage.
  Exchange receive(Frame& frame, uint64_t most_bytes, Clock::time_point latest);

  // The other end is there, and has sent nothing that was not received.
  bool quiet() const;

 private:
  Exchange write(std::string_view bytes, Clock::time_point latest);
  Exchange read(char* data, size_t size, Clock::time_point latest);
  Exchange wait(short events, Clock::time_point latest);

  const int socket_;
};

}  // namespace golong

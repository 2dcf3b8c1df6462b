#include "core/score/worker_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>

namespace golong {
namespace {

constexpr uint32_t magic = 0x4c474c57;
constexpr size_t piece = size_t{1} << 20;  // a payload takes memory as it arrives, not as it is announced

struct Header {
  uint32_t magic;
  uint32_t kind;
  uint64_t number;
  uint64_t size;
};
static_assert(sizeof(Header) == 24);

// For poll(): rounded up, so that it does not come back just before.
int milliseconds_until(Clock::time_point latest) {
  if (latest == WorkerChannel::never) return -1;
  const int64_t left = std::chrono::ceil<std::chrono::milliseconds>(latest - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, std::numeric_limits<int>::max()));
}

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

WorkerChannel::~WorkerChannel() { ::close(socket_); }

bool WorkerChannel::quiet() const {
  pollfd entry{socket_, POLLIN | POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) == 0;
}

Exchange WorkerChannel::wait(short events, Clock::time_point latest) {
  pollfd entry{socket_, events, 0};
  while (true) {
    const int found = ::poll(&entry, 1, milliseconds_until(latest));
    if (found > 0) return Exchange::done;  // also when the other end is gone: read and write will say so
    if (found < 0 && errno != EINTR) return Exchange::closed;
    if (found == 0 && Clock::now() >= latest) return Exchange::late;
  }
}

Exchange WorkerChannel::write(std::string_view bytes, Clock::time_point latest) {
  while (!bytes.empty()) {
    if (Exchange ready = wait(POLLOUT, latest); ready != Exchange::done) return ready;
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (sent < 0 && !would_block(errno)) {
      return Exchange::closed;
    }
  }
  return Exchange::done;
}

Exchange WorkerChannel::read(char* data, size_t size, Clock::time_point latest) {
  while (size > 0) {
    if (Exchange ready = wait(POLLIN, latest); ready != Exchange::done) return ready;
    const ssize_t got = ::recv(socket_, data, size, MSG_DONTWAIT);
    if (got > 0) {
      data += got;
      size -= static_cast<size_t>(got);
    } else if (got == 0 || !would_block(errno)) {
      return Exchange::closed;
    }
  }
  return Exchange::done;
}

Exchange WorkerChannel::send(FrameKind kind, uint64_t number, std::string_view payload, Clock::time_point latest) {
  const Header header{magic, static_cast<uint32_t>(kind), number, payload.size()};
  const Exchange sent = write({reinterpret_cast<const char*>(&header), sizeof header}, latest);
  return sent == Exchange::done ? write(payload, latest) : sent;
}

Exchange WorkerChannel::receive(Frame& frame, uint64_t most_bytes, Clock::time_point latest) {
  Header header;
  if (Exchange got = read(reinterpret_cast<char*>(&header), sizeof header, latest); got != Exchange::done) return got;
  if (header.magic != magic || header.kind < static_cast<uint32_t>(FrameKind::start) ||
      header.kind > static_cast<uint32_t>(FrameKind::reply) || header.size > most_bytes) {
    return Exchange::garbage;
  }
  frame.kind = static_cast<FrameKind>(header.kind);
  frame.number = header.number;
  frame.payload.clear();
  while (frame.payload.size() < header.size) {
    const size_t before = frame.payload.size();
    frame.payload.resize(std::min<uint64_t>(header.size, before + piece));
    Exchange got = read(frame.payload.data() + before, frame.payload.size() - before, latest);
    if (got != Exchange::done) return got;
  }
  return Exchange::done;
}

}  // namespace golong

#include "core/cli/rank_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace golong {
namespace {

constexpr size_t most_lines = 20;         // that are kept
constexpr size_t longest_line = 1 << 16;  // beyond it a line is passed on in pieces

}  // namespace

RankOutput::RankOutput(const std::string& rank) : prefix_("[rank " + rank + "] ") {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("cannot make a pipe for rank ", rank, ": ", std::strerror(errno));
  from_ = ends[0];
  to_ = ends[1];
  ::fcntl(from_, F_SETFL, O_NONBLOCK);
}

RankOutput::~RankOutput() {
  close_for_rank();
  if (from_ >= 0) ::close(from_);
}

void RankOutput::close_for_rank() {
  if (to_ >= 0) ::close(std::exchange(to_, -1));
}

void RankOutput::read() {
  char piece[4096];
  while (from_ >= 0) {
    const ssize_t count = ::read(from_, piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      ::close(std::exchange(from_, -1));
      return;
    }
    begun_.append(piece, static_cast<size_t>(count));
    size_t start = 0;
    for (size_t end; (end = begun_.find('\n', start)) != std::string::npos; start = end + 1) {
      pass_on(begun_.substr(start, end - start));
    }
    begun_.erase(0, start);
    if (begun_.size() > longest_line) pass_on(std::exchange(begun_, ""));
  }
}

void RankOutput::finish() {
  read();
  if (!begun_.empty()) pass_on(std::exchange(begun_, ""));
}

void RankOutput::pass_on(const std::string& line) {
  std::fprintf(stderr, "%s%s\n", prefix_.c_str(), line.c_str());
  last_.push_back(line);
  if (last_.size() > most_lines) last_.pop_front();
}

std::string RankOutput::last_lines() const {
  std::string all;
  for (const std::string& line : last_) all += line + "\n";
  return all;
}

}  // namespace golong

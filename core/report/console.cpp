#include "core/report/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace golong {

namespace {

constexpr std::string_view clear_line = "\r\x1b[2K";

bool stderr_is_terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) && term && std::string_view(term) != "dumb";
}

}  // namespace

int Console::width() const {
  winsize size{};
  return terminal_ && ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void Console::print(std::string_view lines) {
  const std::lock_guard lock(mutex_);
  std::string bytes;
  if (!status_.empty()) bytes += clear_line;
  bytes.append(lines).append("\n").append(status_);
  put(bytes);
}

void Console::status(std::string_view line) {
  if (!terminal_) return;
  const std::lock_guard lock(mutex_);
  if (line.empty() && status_.empty()) return;
  status_ = line;
  put(std::string(clear_line) + status_);
}

// One write for all, so that lines of other processes do not fall in between. Where stderr is closed there is nobody to
// tell.
void Console::put(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

Console& console() {
  // Never destroyed: threads and static objects may still log while the process ends.
  static Console* const instance = new Console(STDERR_FILENO, stderr_is_terminal());
  return *instance;
}

}  // namespace golong

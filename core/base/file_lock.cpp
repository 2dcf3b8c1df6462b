#include "core/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/base/error.h"

namespace golong {
namespace {

// "process 4711 on alpha"
std::string own_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  return "process " + std::to_string(::getpid()) + " on " + host.data();
}

std::string contents(int fd) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  return size > 0 ? std::string(text.data(), static_cast<size_t>(size)) : "another process";
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& file, const std::string& what) {
  std::error_code error;
  const std::filesystem::path folder = file.parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) fail("cannot make the folder ", folder.string(), ": ", error.message());
  fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("cannot open ", file.string(), ": ", std::strerror(errno));
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    const std::string holder = contents(fd_);
    ::close(fd_);
    if (reason == EWOULDBLOCK) fail(what, " is in use by ", holder, "; stop it first, or choose another");
    fail("cannot lock ", file.string(), ": ", std::strerror(reason),
         "; choose a place on a file system that has locks (flock)");
  }
  const std::string name = own_name();
  if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, name.data(), name.size(), 0) != static_cast<ssize_t>(name.size())) {
    const int reason = errno;
    ::close(fd_);
    fail("cannot write ", file.string(), ": ", std::strerror(reason));
  }
}

FileLock::~FileLock() { ::close(fd_); }

}  // namespace golong

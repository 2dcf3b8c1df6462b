#include "core/base/folder_lock.h"

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

FolderLock::FolderLock(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("cannot make the folder ", folder.string(), ": ", error.message());
  const std::filesystem::path path = folder / "lock";
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("cannot open ", path.string(), ": ", std::strerror(errno));
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    const std::string holder = contents(fd_);
    ::close(fd_);
    if (reason != EWOULDBLOCK) fail("cannot lock ", path.string(), ": ", std::strerror(reason));
    fail(folder.string(), " is in use by ", holder, "; stop it first, or choose another folder");
  }
  const std::string name = own_name();
  if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, name.data(), name.size(), 0) != static_cast<ssize_t>(name.size())) {
    const int reason = errno;
    ::close(fd_);
    fail("cannot write ", path.string(), ": ", std::strerror(reason));
  }
}

FolderLock::~FolderLock() { ::close(fd_); }

}  // namespace golong

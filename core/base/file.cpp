#include "core/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "core/base/error.h"

namespace golong {
namespace {

// Closes a file descriptor when it goes out of scope.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags, mode_t mode = 0) : fd_(::open(path.c_str(), flags, mode)) {
    if (fd_ < 0) fail("cannot open ", path.string(), ": ", std::strerror(errno));
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

size_t size_of(const Descriptor& file, const std::filesystem::path& path) {
  struct stat status;
  if (::fstat(file.get(), &status) != 0) fail("cannot read ", path.string(), ": ", std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail("cannot read ", path.string(), ": it is a folder, a file was expected");
  return static_cast<size_t>(status.st_size);
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  Descriptor file(path, O_RDONLY | O_CLOEXEC);
  std::string contents;
  contents.resize(size_of(file, path));
  size_t done = 0;
  for (;;) {
    if (done == contents.size()) contents.resize(contents.size() + 4096);  // a file that grows, or one of /proc
    ssize_t got = ::read(file.get(), contents.data() + done, contents.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read ", path.string(), ": ", std::strerror(errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  contents.resize(done);
  return contents;
}

bool is_replaceable(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::symlink_status(path, error);
  return !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
}

void write_file_atomic(const std::filesystem::path& path, std::string_view contents) {
  if (!is_replaceable(path)) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << contents << std::flush;
    if (!out) fail("cannot write ", path.string());
    return;
  }
  std::filesystem::path temporary = path;
  temporary += ".tmp" + std::to_string(::getpid());
  try {
    Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t done = 0;
    while (done < contents.size()) {
      ssize_t put = ::write(file.get(), contents.data() + done, contents.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail("cannot write ", path.string(), ": ", std::strerror(errno));
      done += static_cast<size_t>(put);
    }
    if (::fsync(file.get()) != 0) fail("cannot write ", path.string(), ": ", std::strerror(errno));
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    int reason = errno;
    ::unlink(temporary.c_str());
    fail("cannot write ", path.string(), ": ", std::strerror(reason));
  }
  sync_to_disk(path.has_parent_path() ? path.parent_path() : ".");
}

void sync_to_disk(const std::filesystem::path& path) {
  Descriptor file(path, O_RDONLY | O_CLOEXEC);
  if (::fsync(file.get()) != 0 && errno != EINVAL) fail("cannot flush ", path.string(), ": ", std::strerror(errno));
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
      !std::filesystem::is_directory(status)) {
    fail("cannot read ", path.string(),
         ": it is a pipe or a device, and is to be read more than once; write what comes "
         "from it into a file");
  }
  Descriptor file(path, O_RDONLY | O_CLOEXEC);
  size_ = size_of(file, path);
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) fail("cannot map ", path.string(), ": ", std::strerror(errno));
  data_ = static_cast<const char*>(address);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

void MappedFile::release() const {
  if (data_) ::madvise(const_cast<char*>(data_), size_, MADV_DONTNEED);  // read only: nothing can be lost
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

}  // namespace golong

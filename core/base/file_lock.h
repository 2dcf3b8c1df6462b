// One process at a time at something.
#pragma once
#include <filesystem>
#include <string>

namespace golong {

// Holds a lock file while it lives, and as long as the process lives at most: a process that is killed leaves nothing
// that would have to be cleaned up. The file stays; it says who holds it.
class FileLock {
 public:
  // Makes the file, and the folder that it is in. `what` it guards begins the messages. Throws Error that names the
  // process that holds the lock.
  FileLock(const std::filesystem::path& file, const std::string& what);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_;
};

}  // namespace golong

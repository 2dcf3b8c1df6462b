// One process at a time in a folder.
#pragma once
#include <filesystem>

namespace golong {

// Holds FOLDER/lock while it lives, and as long as the process lives at most: a process that is killed leaves nothing
// that would have to be cleaned up. The file stays; it says who holds it.
class FolderLock {
 public:
  // Makes the folder. Throws Error that names the process that holds the lock.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

}  // namespace golong

// A file of lines that takes long to make: what is written stays when the work is broken off, and the same work goes on
// behind it.
#pragma once
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "core/base/file_lock.h"

namespace golong {

// Writes OUTPUT.part, and OUTPUT.part.toml, which says what the lines depend on; commit() renames the first and removes
// the second. What is no regular file (a device, a pipe, a link) is written as it goes, and nothing is gone on with.
class PartFile {
 public:
  // `settings`: what the lines depend on, as TOML; two parts of one work say the same. Throws Error where the part of
  // other work is there, with what differs, where another process writes it, or where it cannot be written.
  PartFile(const std::filesystem::path& output, const std::string& settings);
  ~PartFile();  // removes a part that is empty
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  size_t done() const { return done_; }  // lines that an earlier call has written

  void write(const std::string& line);
  void commit();

 private:
  void go_on_or_begin(const std::string& settings);
  void remove_beside() const;

  const std::filesystem::path path_, part_;
  const bool is_resumable_;
  std::optional<FileLock> lock_;
  std::ofstream out_;
  size_t done_ = 0;
};

// Names, sizes and times of a folder's files: enough to see that other files are there now.
std::string fingerprint_of_files(const std::filesystem::path& folder);

}  // namespace golong

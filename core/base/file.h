// Files: read whole, map, write atomically. Every error names the path and the system's reason.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace golong {

std::string read_file(const std::filesystem::path& path);

// Whether a finished file may take the place of what `path` names: of nothing or a regular file; not of a device, a
// pipe or a link.
bool is_replaceable(const std::filesystem::path& path);

// Writes a temporary file beside `path`, flushes it to the disk and renames it: a reader sees the old or the new file.
// What is not replaceable is written in place.
void write_file_atomic(const std::filesystem::path& path, std::string_view contents);

// Flushes a file's or a folder's data to the disk.
void sync_to_disk(const std::filesystem::path& path);

// A file mapped read only into memory, for as long as the object lives.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  std::string_view bytes() const { return {data_, size_}; }

  // Takes the pages that were read out of the process's memory; they come back when they are read again.
  void release() const;

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace golong

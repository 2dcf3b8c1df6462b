// JSONL files that are read by index: the offsets of the rows are kept, their contents stay on the disk.
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "core/data/row.h"

namespace golong {

// One file. Blank lines are no rows. Thread-safe. The file must not change while it is open.
class RowFile {
 public:
  // Reads the file once, for offsets and fingerprint. Throws Error where it cannot be read.
  explicit RowFile(const std::filesystem::path& path);
  ~RowFile();
  size_t size() const;
  Row read(size_t index) const;  // Throws Error with FILE:LINE
  std::string line(size_t index) const;
  size_t line_number(size_t index) const;  // from 1
  std::string where(size_t index) const;   // "rows.jsonl:17"
  const std::string& fingerprint() const;  // hash of the contents

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong

// JSONL: one row a line.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/data/row_source.h"

namespace golong {

// The offsets of the lines are kept, their contents stay on the disk. Blank lines are no rows.
class JsonlRows : public RowSource {
 public:
  // Reads the file once, for offsets and fingerprint. Throws Error where it cannot be read.
  explicit JsonlRows(const std::filesystem::path& path);
  size_t size() const override { return lines_.size(); }
  std::string line(size_t index) const override;
  size_t line_number(size_t index) const override { return lines_.at(index).number; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  struct Line {
    uint64_t begin;
    uint32_t size;
    uint32_t number;
  };
  MappedFile file_;
  std::vector<Line> lines_;
  std::string fingerprint_;
};

}  // namespace golong

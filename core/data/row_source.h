// Where rows come from: one file of some format, read by index.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace golong {

// Thread-safe. Rows stay on the disk; only a bounded part of them is in memory at a time.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual size_t size() const = 0;
  virtual std::string line(size_t index) const = 0;    // the row as JSON. Throws Error where it cannot be read
  virtual size_t line_number(size_t index) const = 0;  // from 1
  virtual const std::string& fingerprint() const = 0;  // hash of the file's contents
};

// What libgolong_parquet offers: the result of its function `golong_parquet`.
struct ParquetApi {
  const char* arrow_version;

  // The caller owns the result. `columns` are those that a row receives (none: all); others are not read. Throws Error
  // where the file is no Parquet or holds none of the columns.
  RowSource* (*open)(const std::filesystem::path& path, const std::vector<std::string>& columns);
};

}  // namespace golong

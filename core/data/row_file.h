// Files of rows that are read by index: JSONL and Parquet.
#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/data/row.h"
#include "core/data/row_source.h"

namespace golong {

// The columns of a dataset row (docs/reference/dataset.md).
const std::vector<std::string>& row_columns();

// The version of the library that reads Parquet; loads it. Throws Error where it is not there or cannot be loaded.
std::string arrow_version();

// One file. Thread-safe. The file must not change while it is open.
class RowFile {
 public:
  // Parquet where the name ends in .parquet or the file begins as Parquet does, else JSONL. Of Parquet only `columns`
  // are read, all where none is given. Reads the file once, for its fingerprint. Throws Error where it cannot be read,
  // or holds none of the columns.
  explicit RowFile(const std::filesystem::path& path, const std::vector<std::string>& columns = row_columns());
  size_t size() const { return rows_->size(); }
  Row read(size_t index) const;                                                 // Throws Error with FILE:LINE
  std::string line(size_t index) const { return rows_->line(index); }           // as JSON
  size_t line_number(size_t index) const { return rows_->line_number(index); }  // from 1; of Parquet the row
  std::string where(size_t index) const;                                        // "rows.jsonl:17"
  const std::string& fingerprint() const { return rows_->fingerprint(); }       // hash of the contents

 private:
  std::string name_;
  std::unique_ptr<const RowSource> rows_;
};

}  // namespace golong

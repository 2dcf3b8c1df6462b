// The rows of a Parquet file, read by index. Start here to read this folder: a library of its own (libgolong_parquet)
// behind the interface of core/data/row_source.h, since Arrow is larger than all the rest of the torch-free core.
#pragma once
#include <arrow/record_batch.h>
#include <parquet/arrow/reader.h>

#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/data/row_source.h"

namespace golong::parquet {

// Rows are decoded a batch (about 8 MB) at a time, and the batches that were used last (about 64 MB) are kept: reading
// in order decodes everything once, also from several threads. Parquet can be decoded from the start of a row group
// only, so a read in any order costs half of a row group; files for training have small ones
// (docs/reference/dataset.md). Of a damaged row group the rows before the damage are read, those behind it are errors,
// and other row groups are as if nothing were.
class ParquetRows : public RowSource {
 public:
  // Reads the file once, for its fingerprint. Throws Error where it is no Parquet file or has none of `columns`.
  ParquetRows(const std::filesystem::path& path, const std::vector<std::string>& columns);
  size_t size() const override { return static_cast<size_t>(starts_.back()); }
  std::string line(size_t index) const override;
  size_t line_number(size_t index) const override { return index + 1; }
  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  struct Damage {
    int64_t first;  // row that cannot be read; those behind it in the row group cannot either
    std::string reason;
  };
  struct Batch {
    int64_t begin = 0;  // its first row in the file
    int64_t bytes = 0;
    std::shared_ptr<arrow::RecordBatch> rows;

    bool has(int64_t row) const { return row >= begin && row < begin + rows->num_rows(); }
  };

  void choose_columns(const std::vector<std::string>& columns);
  Batch find(int64_t row) const;    // in the cache, else decoded
  Batch decode(int64_t row) const;  // Throws Error where its row group is damaged before it
  Batch decode_on(int64_t row, int group) const;
  int group_of(int64_t row) const;
  void open_group(int group) const;

  const std::string name_;
  const MappedFile file_;
  std::string fingerprint_;
  std::unique_ptr<::parquet::arrow::FileReader> reader_;
  std::vector<int> columns_;     // leaves of the schema
  std::vector<int64_t> starts_;  // first row of each row group, and the number of rows

  mutable std::mutex mutex_;        // of all below, and of reader_
  mutable std::list<Batch> cache_;  // the one used last first
  mutable int64_t cached_bytes_ = 0;
  mutable int group_ = -1;    // the row group that stream_ decodes
  mutable int64_t next_ = 0;  // the row that stream_ gives next
  mutable std::unique_ptr<arrow::RecordBatchReader> stream_;
  mutable std::map<int, Damage> damaged_;  // by row group: what is known to be unreadable is not tried again
};

}  // namespace golong::parquet

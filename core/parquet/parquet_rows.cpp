#include "core/parquet/parquet_rows.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/config.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/parquet/json_text.h"

namespace golong::parquet {
namespace {

constexpr int64_t batch_bytes = int64_t{8} << 20;
constexpr int64_t most_batch_rows = 1024;
constexpr int64_t cache_bytes = int64_t{64} << 20;

std::string hash_of(std::string_view bytes) {
  constexpr size_t piece = size_t{1} << 20;
  RunningHash hash;
  for (size_t begin = 0; begin < bytes.size(); begin += piece) hash.add(bytes.substr(begin, piece));
  return hash.digits();
}

// Nothing is read ahead and nothing copied: the pages of the mapped file come as they are decoded.
std::unique_ptr<::parquet::arrow::FileReader> open_reader(const std::string& name, std::string_view bytes) {
  try {
    auto source = std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(bytes));
    ::parquet::ArrowReaderProperties properties(/*use_threads=*/false);
    properties.set_pre_buffer(false);
    ::parquet::ReaderProperties checked;
    checked.set_page_checksum_verification(true);  // where the writer put checksums
    ::parquet::arrow::FileReaderBuilder builder;
    std::unique_ptr<::parquet::arrow::FileReader> reader;
    arrow::Status status = builder.Open(source, checked);
    if (status.ok()) status = builder.properties(properties)->Build(&reader);
    if (!status.ok()) fail(name, ": this is no Parquet file, or it is cut off: ", status.message());
    return reader;
  } catch (const ::parquet::ParquetException& exception) {
    fail(name, ": this is no Parquet file, or it is cut off: ", exception.what());
  }
}

}  // namespace

ParquetRows::ParquetRows(const std::filesystem::path& path, const std::vector<std::string>& columns)
    : name_(path.string()), file_(path), reader_(open_reader(name_, file_.bytes())) {
  choose_columns(columns);
  starts_.push_back(0);
  const auto metadata = reader_->parquet_reader()->metadata();
  for (int group = 0; group < metadata->num_row_groups(); ++group) {
    starts_.push_back(starts_.back() + metadata->RowGroup(group)->num_rows());
  }
  fingerprint_ = hash_of(file_.bytes());
}

void ParquetRows::choose_columns(const std::vector<std::string>& columns) {
  const ::parquet::SchemaDescriptor& schema = *reader_->parquet_reader()->metadata()->schema();
  for (int leaf = 0; leaf < schema.num_columns(); ++leaf) {
    const std::string& column = schema.GetColumnRoot(leaf)->name();
    if (columns.empty() || std::find(columns.begin(), columns.end(), column) != columns.end()) columns_.push_back(leaf);
  }
  if (!columns_.empty()) return;
  std::string wanted, found;
  for (const std::string& column : columns) wanted += (wanted.empty() ? "" : ", ") + column;
  for (int i = 0; i < schema.group_node()->field_count(); ++i) {
    found += (found.empty() ? "" : ", ") + schema.group_node()->field(i)->name();
  }
  fail(name_, ": there is none of the columns ", wanted, "; the file has ", found.empty() ? "no column" : found);
}

std::string ParquetRows::line(size_t index) const {
  const auto row = static_cast<int64_t>(index);
  if (index >= size()) fail(name_, ": there is no row ", index + 1, ", the file has ", size());
  const Batch batch = find(row);
  try {
    return row_json(*batch.rows, row - batch.begin);
  } catch (const Error& error) {
    fail(name_, ":", index + 1, ": the row cannot be read: ", error.what());
  }
}

ParquetRows::Batch ParquetRows::find(int64_t row) const {
  const std::lock_guard lock(mutex_);
  for (auto batch = cache_.begin(); batch != cache_.end(); ++batch) {
    if (!batch->has(row)) continue;
    cache_.splice(cache_.begin(), cache_, batch);
    return *batch;
  }
  cache_.push_front(decode(row));
  cached_bytes_ += cache_.front().bytes;
  while (cached_bytes_ > cache_bytes && cache_.size() > 1) {
    cached_bytes_ -= cache_.back().bytes;
    cache_.pop_back();
  }
  return cache_.front();
}

ParquetRows::Batch ParquetRows::decode(int64_t row) const {
  const int group = group_of(row);
  auto damage = damaged_.find(group);
  if (damage == damaged_.end() || row < damage->second.first) {
    std::string reason;
    try {
      return decode_on(row, group);
    } catch (const Error& error) {
      reason = error.what();
    } catch (const ::parquet::ParquetException& exception) {
      reason = exception.what();
    }
    stream_.reset();
    damage = damaged_.insert_or_assign(group, Damage{next_, reason}).first;
  }
  fail(name_, ":", row + 1, ": the row cannot be read: row group ", group + 1, " of ", starts_.size() - 1, " (rows ",
       starts_[group] + 1, " to ", starts_[group + 1], ") is damaged from row ", damage->second.first + 1,
       " on: ", damage->second.reason);
}

// The batch with the row, decoded from where stream_ is or from the start of the row group.
ParquetRows::Batch ParquetRows::decode_on(int64_t row, int group) const {
  if (!stream_ || group != group_ || row < next_) open_group(group);
  while (true) {
    Batch batch{next_};
    const arrow::Status status = stream_->ReadNext(&batch.rows);
    if (!status.ok()) fail(status.message());
    if (!batch.rows) fail("it has fewer rows than it says");
    next_ += batch.rows->num_rows();
    if (!batch.has(row)) continue;
    batch.bytes = arrow::util::TotalBufferSize(*batch.rows);
    return batch;
  }
}

int ParquetRows::group_of(int64_t row) const {
  return static_cast<int>(std::upper_bound(starts_.begin(), starts_.end(), row) - starts_.begin() - 1);
}

void ParquetRows::open_group(int group) const {
  const int64_t rows = std::max<int64_t>(starts_[group + 1] - starts_[group], 1);
  const int64_t bytes = reader_->parquet_reader()->metadata()->RowGroup(group)->total_byte_size();
  reader_->set_batch_size(std::clamp<int64_t>(batch_bytes / std::max<int64_t>(bytes / rows, 1), 1, most_batch_rows));
  group_ = group;
  next_ = starts_[group];
  auto stream = reader_->GetRecordBatchReader({group}, columns_);
  if (!stream.ok()) fail(stream.status().message());
  stream_ = std::move(*stream);
}

}  // namespace golong::parquet

namespace {

golong::RowSource* open(const std::filesystem::path& path, const std::vector<std::string>& columns) {
  return new golong::parquet::ParquetRows(path, columns);
}

}  // namespace

extern "C" const golong::ParquetApi* golong_parquet() {
  static const golong::ParquetApi api{ARROW_VERSION_STRING, open};
  return &api;
}

#include "core/data/row_file.h"

#include <string_view>

#include "core/base/file.h"
#include "core/base/own_library.h"
#include "core/data/jsonl_rows.h"

namespace golong {
namespace {

bool is_parquet(const std::filesystem::path& path) {
  return path.extension() == ".parquet" || MappedFile(path).bytes().starts_with("PAR1");
}

// Arrow is loaded with the first Parquet file: a start that reads none pays nothing for it.
const ParquetApi& parquet() {
  static const ParquetApi* api = [] {
    void* entry = library_function("libgolong_parquet.so", "golong_parquet", "reading Parquet",
                                   "it is built with `make build` (CMake option GOLONG_PARQUET=ON), over Arrow, the "
                                   "pyarrow package in .venv that `make setup` installs");
    return reinterpret_cast<const ParquetApi* (*)()>(entry)();
  }();
  return *api;
}

std::unique_ptr<RowSource> open_rows(const std::filesystem::path& path, const std::vector<std::string>& columns) {
  if (is_parquet(path)) return std::unique_ptr<RowSource>(parquet().open(path, columns));
  return std::make_unique<JsonlRows>(path);
}

}  // namespace

std::string arrow_version() { return parquet().arrow_version; }

const std::vector<std::string>& row_columns() {
  static const std::vector<std::string> columns = {"id",           "data_source", "prompt",      "ability",
                                                   "reward_model", "extra_info",  "reward_mode", "response"};
  return columns;
}

RowFile::RowFile(const std::filesystem::path& path, const std::vector<std::string>& columns)
    : name_(path.string()), rows_(open_rows(path, columns)) {}

Row RowFile::read(size_t index) const { return parse_row(line(index), where(index)); }

std::string RowFile::where(size_t index) const { return name_ + ":" + std::to_string(line_number(index)); }

}  // namespace golong

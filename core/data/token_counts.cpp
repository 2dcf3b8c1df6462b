#include "core/data/token_counts.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {
namespace {

namespace json = boost::json;

constexpr int format = 1;  // of the file; another one is counted anew

}  // namespace

bool TokenCountCache::load(const std::string& key, size_t rows, std::vector<TokenCount>& counts) const {
  const auto path = folder_ / (key + ".json");
  std::error_code missing;
  if (folder_.empty() || !std::filesystem::exists(path, missing)) return false;
  json::error_code error;
  const json::value root = json::parse(read_file(path), error);
  const json::object* object = error ? nullptr : root.if_object();
  if (!object || !object->contains("format") || object->at("format") != format) return false;
  const json::value* names = object->if_contains("tasks");
  const json::value* of_row = object->if_contains("task");
  const json::value* tokens = object->if_contains("tokens");
  for (const json::value* list : {names, of_row, tokens}) {
    if (!list || !list->is_array()) return false;
  }
  if (of_row->as_array().size() != rows || tokens->as_array().size() != rows) return false;
  std::vector<TokenCount> found(rows);
  for (size_t i = 0; i < rows; ++i) {
    const int64_t* task = of_row->as_array()[i].if_int64();
    const int64_t* number = tokens->as_array()[i].if_int64();
    if (!task || !number || *task < 0 || *number < 0 || *number > UINT32_MAX) return false;
    const auto index = static_cast<size_t>(*task);
    if (index >= names->as_array().size() || !names->as_array()[index].is_string()) return false;
    found[i] = {static_cast<uint32_t>(*number), std::string(names->as_array()[index].as_string())};
  }
  counts = std::move(found);
  return true;
}

void TokenCountCache::save(const std::string& key, const std::vector<TokenCount>& counts) const {
  if (folder_.empty()) return;
  std::map<std::string, size_t> index;
  for (const TokenCount& count : counts) index.try_emplace(count.task, 0);
  json::array names, of_row, tokens;
  for (auto& [task, number] : index) {
    number = names.size();
    names.emplace_back(task);
  }
  for (const TokenCount& count : counts) {
    of_row.emplace_back(static_cast<int64_t>(index.at(count.task)));
    tokens.emplace_back(static_cast<int64_t>(count.tokens));
  }
  const json::value root = {{"format", format}, {"tasks", names}, {"task", of_row}, {"tokens", tokens}};
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) {
    fail("data.cache: cannot make the folder ", folder_.string(), ": ", error.message(),
         " (set data.cache to a folder that can be written to, or to \"\" to keep no token counts)");
  }
  write_file_atomic(folder_ / (key + ".json"), json::serialize(root) + "\n");
}

}  // namespace golong

#include "core/model/config_json.h"

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {

namespace json = boost::json;

ConfigJson::ConfigJson(std::filesystem::path file) : file_(file.string()) {
  boost::system::error_code error;
  json::value value = json::parse(read_file(file), error);
  if (error || !value.is_object()) fail(file_, ": is no JSON object", error ? ": " + error.message() : "");
  object_ = std::move(value.as_object());
}

const json::value* ConfigJson::find(const char* key) const {
  const json::value* value = object_.if_contains(key);
  return value && !value->is_null() ? value : nullptr;
}

int64_t ConfigJson::integer(const char* key, std::optional<int64_t> fallback) const {
  const json::value* value = find(key);
  if (!value && fallback) return *fallback;
  boost::system::error_code error;
  const int64_t number = value ? value->to_number<int64_t>(error) : 0;
  if (!value || error || number <= 0) fail(file_, ": ", key, " must be a positive integer");
  return number;
}

double ConfigJson::real(const char* key, std::optional<double> fallback) const {
  const json::value* value = find(key);
  if (!value && fallback) return *fallback;
  boost::system::error_code error;
  const double number = value ? value->to_number<double>(error) : 0;
  if (!value || error || !(number > 0)) fail(file_, ": ", key, " must be a positive number");
  return number;
}

bool ConfigJson::boolean(const char* key, bool fallback) const {
  const json::value* value = find(key);
  if (!value) return fallback;
  if (!value->is_bool()) fail(file_, ": ", key, " must be true or false");
  return value->as_bool();
}

std::string ConfigJson::text(const char* key, const std::string& fallback) const {
  const json::value* value = find(key);
  if (!value) return fallback;
  if (!value->is_string()) fail(file_, ": ", key, " must be a string");
  return std::string(value->as_string());
}

std::vector<int64_t> ConfigJson::integers(const char* key) const {
  std::vector<int64_t> numbers;
  const json::value* value = find(key);
  if (!value) return numbers;
  if (!value->is_array()) fail(file_, ": ", key, " must be a list of integers");
  for (const json::value& item : value->as_array()) {
    boost::system::error_code error;
    numbers.push_back(item.to_number<int64_t>(error));
    if (error) fail(file_, ": ", key, " must be a list of integers, found ", json::serialize(item));
  }
  return numbers;
}

std::optional<ConfigJson> ConfigJson::table(const char* key) const {
  const json::value* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) fail(file_, ": ", key, " must be a table");
  return ConfigJson(value->as_object(), file_ + ": " + key);
}

}  // namespace golong

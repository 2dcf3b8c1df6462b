#include "core/model/config_json.h"

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {

namespace json = boost::json;

namespace {

// A value as messages show it: whatever stands there, they stay readable.
std::string shown(const json::value& value) {
  constexpr size_t most = 60;
  std::string text = json::serialize(value);
  if (text.size() > most) text = text.substr(0, most) + " ...";
  return text;
}

}  // namespace

ConfigJson::ConfigJson(const std::filesystem::path& file) : file_(file.string()) {
  boost::system::error_code error;
  const MappedFile contents(file);  // which refuses pipes: they would wait for a writer for ever
  json::value value = json::parse(contents.bytes(), error);
  if (error || !value.is_object()) fail(file_, ": is no JSON object", error ? ": " + error.message() : "");
  object_ = std::move(value.as_object());
}

void ConfigJson::refuse(const char* key, const std::string& expected) const {
  const json::value* value = find(key);
  if (!value) fail(file_, ": ", key, " is missing; expected ", expected);
  fail(file_, ": ", key, " must be ", expected, ", found ", shown(*value));
}

const json::value* ConfigJson::find(const char* key) const {
  const json::value* value = object_.if_contains(key);
  return value && !value->is_null() ? value : nullptr;
}

int64_t ConfigJson::integer(const char* key, std::optional<int64_t> fallback, int64_t most) const {
  const json::value* value = find(key);
  if (!value && fallback) return *fallback;
  boost::system::error_code error;
  const int64_t number = value ? value->to_number<int64_t>(error) : 0;
  if (!value || error || number <= 0 || number > most) {
    refuse(key, "a positive integer" + (number > most ? " of at most " + std::to_string(most) : ""));
  }
  return number;
}

double ConfigJson::real(const char* key, std::optional<double> fallback) const {
  const json::value* value = find(key);
  if (!value && fallback) return *fallback;
  boost::system::error_code error;
  const double number = value ? value->to_number<double>(error) : 0;
  if (!value || error || !(number > 0)) refuse(key, "a positive number");
  if (number < 1e-15 || number > 1e15) refuse(key, "a number from 1e-15 to 1e15");
  return number;
}

bool ConfigJson::boolean(const char* key, bool fallback) const {
  const json::value* value = find(key);
  if (!value) return fallback;
  if (!value->is_bool()) refuse(key, "true or false");
  return value->as_bool();
}

std::string ConfigJson::text(const char* key, const std::string& fallback) const {
  const json::value* value = find(key);
  if (!value) return fallback;
  if (!value->is_string()) refuse(key, "a string");
  return std::string(value->as_string());
}

std::vector<int64_t> ConfigJson::integers(const char* key) const {
  std::vector<int64_t> numbers;
  const json::value* value = find(key);
  if (!value) return numbers;
  if (!value->is_array()) refuse(key, "a list of integers");
  for (const json::value& item : value->as_array()) {
    boost::system::error_code error;
    numbers.push_back(item.to_number<int64_t>(error));
    if (error) refuse(key, "a list of integers");
  }
  return numbers;
}

std::optional<ConfigJson> ConfigJson::table(const char* key) const {
  const json::value* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) refuse(key, "a table");
  return ConfigJson(value->as_object(), file_ + ": " + key);
}

}  // namespace golong

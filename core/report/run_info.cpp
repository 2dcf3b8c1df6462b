#include "core/report/run_info.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

// Text, or an object of texts by the step that they hold from.
std::map<int64_t, std::string> values_of(const fs::path& path, std::string_view name, const json::value& value) {
  if (value.is_string()) return {{1, std::string(value.get_string())}};
  std::map<int64_t, std::string> values;
  const json::object* by_step = value.if_object();
  for (const auto& [key, text] : by_step ? *by_step : json::object()) {
    int64_t step = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), step);
    if (error != std::errc() || end != key.data() + key.size() || !text.is_string()) {
      fail(path.string(), ": expected {\"step\": text} for the fact \"", name, "\", found \"", std::string_view(key),
           "\": ", json::serialize(text));
    }
    values[step] = std::string(text.get_string());
  }
  if (values.empty()) fail(path.string(), ": expected text or {\"step\": text} for the fact \"", name, "\"");
  return values;
}

json::value to_json(const std::map<int64_t, std::string>& values) {
  if (values.size() == 1 && values.begin()->first == 1) return json::value_from(values.begin()->second);
  json::object by_step;
  for (const auto& [step, value] : values) by_step[std::to_string(step)] = value;
  return by_step;
}

}  // namespace

std::string RunFact::text() const {
  std::string all;
  for (const auto& [step, value] : values) {
    if (!all.empty()) all += "; ";
    all += step == 1 ? value : "from step " + std::to_string(step) + ": " + value;
  }
  return all;
}

RunInfo read_run_info(const fs::path& run_json) {
  boost::system::error_code error;
  const json::value value = json::parse(read_file(run_json), error);
  if (error) fail(run_json.string(), ": not JSON (", error.message(), ")");
  const json::object* root = value.if_object();
  const json::value* name = root ? root->if_contains("name") : nullptr;
  const json::value* facts = root ? root->if_contains("facts") : nullptr;
  if (!name || !name->is_string() || !facts || !facts->is_object()) {
    fail(run_json.string(), ": expected {\"name\": text, \"facts\": {text: text}}");
  }
  RunInfo info{std::string(name->get_string()), {}};
  for (const auto& [key, fact] : facts->get_object()) {
    info.facts.push_back({std::string(key), values_of(run_json, key, fact)});
  }
  return info;
}

void write_run_info(const fs::path& run_directory, const std::string& name,
                    const std::vector<std::pair<std::string, std::string>>& facts,
                    std::optional<int64_t> resumed_step) {
  const fs::path path = run_directory / "run.json";
  const RunInfo before = resumed_step && fs::exists(path) ? read_run_info(path) : RunInfo();
  const int64_t first = resumed_step.value_or(0) + 1;
  json::object all;
  for (const auto& [fact, value] : facts) {
    const auto known = std::ranges::find(before.facts, fact, &RunFact::name);
    std::map<int64_t, std::string> values;
    if (known != before.facts.end()) values = known->values;
    values.erase(values.lower_bound(first), values.end());
    if (values.empty() || values.rbegin()->second != value) values[first] = value;
    all[fact] = to_json(values);
  }
  write_file_atomic(path, json::serialize(json::object{{"name", name}, {"facts", all}}) + "\n");
}

}  // namespace golong

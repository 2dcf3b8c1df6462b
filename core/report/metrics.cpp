#include "core/report/metrics.h"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>

#include "core/base/error.h"
#include "core/base/json_writer.h"
#include "core/base/nearest.h"

namespace golong {

namespace json = boost::json;

namespace {

std::string line_of(int64_t step, const Metrics& metrics) {
  std::string line = "{\"step\": " + std::to_string(step);
  for (const auto& [name, value] : metrics) {
    line += ", " + json::serialize(json::string(name)) + ": " + json_number(value);
  }
  return line + "}";
}

}  // namespace

std::string metric_part(std::string_view name) {
  std::string part(name);
  std::replace(part.begin(), part.end(), ' ', '_');
  std::replace(part.begin(), part.end(), '.', '-');
  return part;
}

std::string similar_names(const Metrics& metrics, std::string_view name) {
  const std::string_view start = name.substr(0, name.find('/'));
  std::vector<std::string> all;
  std::string alike;
  for (const auto& [known, value] : metrics) {
    all.push_back(known);
    if (std::string_view(known).substr(0, known.find('/')) == start) alike += (alike.empty() ? "" : ", ") + known;
  }
  return did_you_mean(name, all) + (alike.empty() ? "" : "; those that begin like it are " + alike);
}

MetricsWriter::MetricsWriter(const std::filesystem::path& path, std::optional<int64_t> resumed_step)
    : file_(path, resumed_step) {}

void MetricsWriter::write(int64_t step, const Metrics& metrics) {
  if (file_.last_step() && step <= *file_.last_step()) {
    fail("metrics of step ", step, " cannot be written after those of step ", *file_.last_step());
  }
  file_.append(step, line_of(step, metrics));
}

void MetricsWriter::add(int64_t step, const Metrics& more) {
  if (file_.last_step() != step) return write(step, more);
  Metrics all = read_metrics(file_.path()).back().values;
  for (const auto& [name, value] : more) all[name] = value;
  file_.replace_last(line_of(step, all));
}

std::vector<MetricsRow> read_metrics(const std::filesystem::path& path) {
  std::vector<MetricsRow> rows;
  read_step_file(path, [&](int64_t step, std::string_view line, size_t line_number) {
    if (!rows.empty() && rows.back().step == step)
      fail(path.string(), ":", line_number, ": step ", step, " stands twice");
    MetricsRow& row = rows.emplace_back();
    row.step = step;
    const json::value value = json::parse(json::string_view(line.data(), line.size()));
    for (const auto& [key, item] : value.get_object()) {
      if (key == "step") continue;
      if (!item.is_number() && !item.is_null()) {
        fail(path.string(), ":", line_number, ": \"", std::string_view(key), "\" is no number");
      }
      row.values[std::string(key)] =
          item.is_null() ? std::numeric_limits<double>::quiet_NaN() : item.to_number<double>();
    }
  });
  return rows;
}

}  // namespace golong

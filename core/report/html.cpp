#include "core/report/html.h"

#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_writer.h"
#include "core/report/markup.h"
#include "core/report/run_data.h"

namespace golong {

namespace json = boost::json;

namespace {

constexpr std::string_view style =
#include "core/report/page.css.inc"
    ;
constexpr std::string_view script_charts =
#include "core/report/page_charts.js.inc"
    ;
constexpr std::string_view script_sections =
#include "core/report/page.js.inc"
    ;

// A page of a long run stays small enough to open: neighbouring steps are averaged beyond this many, samples thinned.
constexpr size_t most_columns = 2000;
constexpr size_t most_samples = 400;

// Six digits are more than a plot shows.
json::value rounded(double value) {
  if (!std::isfinite(value)) return nullptr;
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, 6).ptr;
  std::from_chars(buffer, end, value);
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

// {steps: [...], metrics: {name: [...]}}; `per` neighbouring steps become one column, the mean of their finite values.
void add_columns(json::object& object, const std::vector<MetricsRow>& rows, size_t per) {
  std::set<std::string> names;
  for (const MetricsRow& row : rows) {
    for (const auto& [name, value] : row.values) names.insert(name);
  }
  json::array steps;
  for (size_t i = 0; i < rows.size(); i += per) steps.emplace_back(rows[i].step);
  object["steps"] = std::move(steps);
  json::object columns;
  for (const std::string& name : names) {
    json::array column;
    for (size_t i = 0; i < rows.size(); i += per) {
      double sum = 0;
      double count = 0;
      for (size_t k = i; k < std::min(rows.size(), i + per); ++k) {
        const auto found = rows[k].values.find(name);
        if (found == rows[k].values.end() || !std::isfinite(found->second)) continue;
        sum += found->second;
        count += 1;
      }
      column.push_back(count > 0 ? rounded(sum / count) : json::value(nullptr));
    }
    columns[name] = std::move(column);
  }
  object["metrics"] = std::move(columns);
}

json::object scores_json(const TaskScores& scores) {
  json::object object;
  for (const auto& [task, score] : scores) {
    object[task] = {{"mean", score.mean},
                    {"standard_error", score.standard_error ? json::value(*score.standard_error) : nullptr},
                    {"count", score.count > 0 ? json::value(score.count) : nullptr}};
  }
  return object;
}

json::array samples_json(const std::vector<Sample>& samples) {
  json::array array;
  const size_t kept = std::min(samples.size(), most_samples);
  for (size_t i = 0; i < kept; ++i) {
    // Evenly over the run, the newest one always.
    const Sample& s = samples[samples.size() - 1 - (kept - 1 - i) * samples.size() / kept];
    array.push_back({{"step", s.step},
                     {"task", s.task},
                     {"reward", s.reward},
                     {"prompt", s.prompt},
                     {"response", s.response},
                     {"gold", s.gold},
                     {"score", s.score ? rounded(*s.score) : json::value(nullptr)},
                     {"outcome", s.outcome},
                     {"detail", s.detail},
                     {"advantage", s.advantage ? rounded(*s.advantage) : json::value(nullptr)}});
  }
  return array;
}

json::object run_json(const RunData& run) {
  json::object object;
  object["name"] = run.info.name;
  json::array facts;
  for (const RunFact& fact : run.info.facts) facts.push_back({fact.name, fact.text()});
  object["facts"] = std::move(facts);
  object["tasks"] = json::array(run.tasks.begin(), run.tasks.end());
  const size_t per = (run.metrics.size() + most_columns - 1) / most_columns;
  object["thinned"] = std::max<size_t>(per, 1);
  add_columns(object, run.metrics, std::max<size_t>(per, 1));
  object["samples"] = samples_json(run.samples);
  object["sample_count"] = run.samples.size();
  if (run.summary) {
    object["summary"] = {{"before", scores_json(run.summary->before)}, {"after", scores_json(run.summary->after)}};
  } else {
    object["summary"] = nullptr;
  }
  return object;
}

// JSON inside a script element: no '<' may stand there, or a model's "</script>" would end it.
std::string embedded(const json::value& value) {
  std::string text;
  for (char c : to_json(value)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

void write_report(const std::filesystem::path& out, const std::vector<std::filesystem::path>& run_directories) {
  if (run_directories.empty()) fail("a report needs at least one run folder");
  json::array runs;
  std::string title;
  bool thinned = false;
  for (const auto& directory : run_directories) {
    const RunData run = read_run(directory);
    thinned = thinned || run.metrics.size() > most_columns;
    title += (title.empty() ? "" : " and ") + run.info.name;
    runs.push_back(run_json(run));
  }
  const std::string footer = std::string("Written by golong from metrics.jsonl, samples.jsonl and summary.json. ") +
                             (thinned ? "Neighbouring steps were averaged to keep this page small. " : "") +
                             "This file needs nothing else: it can be kept and sent.";
  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'; img-src data:\">\n<title>";
  page += escape_markup(title);
  page.append(" | golong</title>\n<style>").append(style).append("</style>\n</head>\n<body>\n<main></main>\n");
  page += "<noscript>The plots of this page are drawn by its script; the numbers are in metrics.jsonl.</noscript>\n";
  page += "<script type=\"application/json\" id=\"data\">";
  page += embedded(json::object{{"runs", std::move(runs)}, {"footer", footer}});
  page.append("</script>\n<script>")
      .append(script_charts)
      .append(script_sections)
      .append("</script>\n</body>\n</html>\n");
  write_file_atomic(out, page);
}

}  // namespace golong

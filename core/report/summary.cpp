#include "core/report/summary.h"

#include <boost/json.hpp>
#include <cmath>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_writer.h"

namespace golong {

namespace json = boost::json;

namespace {

// The scores' means, standard errors or counts as one object.
template <class Get>
json::object by_task(const TaskScores& scores, const Get& get) {
  json::object object;
  for (const auto& [task, score] : scores) {
    if (const auto value = get(score)) object[task] = *value;
  }
  return object;
}

template <class Get>
json::object both(const Summary& summary, const Get& get) {
  return {{"before", by_task(summary.before, get)}, {"after", by_task(summary.after, get)}};
}

// object[key] as an object, or null where it is missing and need not be there.
const json::object* member(const json::object& object, const char* key, const std::string& where) {
  const json::value* value = object.if_contains(key);
  if (!value) return nullptr;
  if (!value->is_object()) fail(where, ": expected an object of tasks in \"", key, "\"");
  return &value->get_object();
}

double number(const json::value& value, const std::string& where, json::string_view task) {
  if (!value.is_number()) fail(where, ": expected a number for \"", std::string_view(task.data(), task.size()), "\"");
  return value.to_number<double>();
}

TaskScores read_scores(const json::object& root, const char* when, const std::string& where) {
  TaskScores scores;
  if (const json::object* means = member(root, when, where)) {
    for (const auto& [task, value] : *means) scores[std::string(task)].mean = number(value, where, task);
  }
  const auto beside = [&](const char* key, const auto& set) {
    const json::object* pair = member(root, key, where);
    const json::object* values = pair ? member(*pair, when, where) : nullptr;
    if (!values) return;
    for (const auto& [task, value] : *values) {
      const auto found = scores.find(std::string(task));
      if (found != scores.end()) set(found->second, number(value, where, task));
    }
  };
  beside("standard_error", [](TaskScore& score, double value) { score.standard_error = value; });
  beside("count", [](TaskScore& score, double value) { score.count = static_cast<int64_t>(value); });
  return scores;
}

}  // namespace

TaskScore task_score(std::span<const double> rewards) {
  TaskScore score;
  score.count = static_cast<int64_t>(rewards.size());
  if (rewards.empty()) return score;
  const auto n = static_cast<double>(rewards.size());
  double sum = 0;
  for (double reward : rewards) sum += reward;
  score.mean = sum / n;
  if (rewards.size() < 2) return score;
  double squares = 0;
  for (double reward : rewards) squares += (reward - score.mean) * (reward - score.mean);
  score.standard_error = std::sqrt(squares / (n - 1) / n);
  return score;
}

double mean_over_tasks(const TaskScores& scores) {
  double sum = 0;
  for (const auto& [task, score] : scores) sum += score.mean;
  return scores.empty() ? 0 : sum / static_cast<double>(scores.size());
}

void write_summary(const std::filesystem::path& path, const Summary& summary) {
  for (const TaskScores* scores : {&summary.before, &summary.after}) {
    for (const auto& [task, score] : *scores) {
      if (!std::isfinite(score.mean)) fail(path.string(), ": the mean reward of ", task, " is not finite");
    }
  }
  json::object root = both(summary, [](const TaskScore& score) { return std::optional<double>(score.mean); });
  root["standard_error"] = both(summary, [](const TaskScore& score) { return score.standard_error; });
  root["count"] = both(summary, [](const TaskScore& score) { return std::optional<int64_t>(score.count); });
  if (summary.seed) root["seed"] = *summary.seed;
  write_file_atomic(path, to_json(root) + "\n");
}

Summary read_summary(const std::filesystem::path& path) {
  boost::system::error_code error;
  const json::value value = json::parse(read_file(path), error);
  if (error) fail(path.string(), ": not JSON (", error.message(), ")");
  if (!value.is_object()) fail(path.string(), ": expected an object with \"before\" and \"after\"");
  const json::object& root = value.get_object();
  Summary summary{read_scores(root, "before", path.string()), read_scores(root, "after", path.string()), std::nullopt};
  if (const json::value* seed = root.if_contains("seed"); seed && seed->is_number()) {
    summary.seed = seed->to_number<int64_t>();
  }
  return summary;
}

}  // namespace golong

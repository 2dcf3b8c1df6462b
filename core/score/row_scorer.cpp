#include "core/score/row_scorer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/error.h"
#include "core/data/json_slice.h"
#include "core/data/parallel.h"
#include "core/score/gate.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

// The shortest digits that read back to the same value, always with a point or an exponent.
std::string json_number(double value) {
  char buffer[40];
  std::string text(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string json_text_or_null(const std::string& text) { return text.empty() ? "null" : json_quote(text); }

template <class Function>
std::string json_values(const ScoredRow& row, const Function& value) {
  if (!row.is_list) return value(row.scores.front());
  std::string list = "[";
  for (const ScoredResponse& response : row.scores) {
    if (list.size() > 1) list += ", ";
    list += value(response);
  }
  return list + "]";
}

// Of a row that could not be read: what can still be told of it.
void salvage(const std::string& line, ScoredRow& row, size_t& responses) {
  try {
    const JsonSlice json = JsonSlice::parse(line);
    if (!json.is(JsonSlice::Kind::object)) return;
    const auto columns = json.members();
    if (auto id = columns.find("id"); id != columns.end()) row.id = id->second.text();
    auto response = columns.find("response");
    if (response == columns.end() || !response->second.is(JsonSlice::Kind::array)) return;
    row.is_list = true;
    responses = response->second.elements().size();
  } catch (const Error&) {
    return;  // no JSON at all, which the row's detail already says
  }
}

}  // namespace

ScoreLine score_line(const RowFile& rows, size_t index) {
  try {
    return {rows.line(index), rows.where(index)};
  } catch (const Error& error) {
    return {"", rows.where(index), error.what()};
  }
}

bool ScoredRow::all_scored() const {
  return std::all_of(scores.begin(), scores.end(),
                     [](const ScoredResponse& response) { return response.outcome == Outcome::scored; });
}

std::string ScoredRow::to_json() const {
  auto score = [](const ScoredResponse& r) { return r.outcome == Outcome::scored ? json_number(r.score) : "null"; };
  auto outcome = [](const ScoredResponse& r) { return json_quote(name(r.outcome)); };
  auto detail = [](const ScoredResponse& r) { return json_quote(r.detail); };
  return "{\"id\": " + id + ", \"task\": " + json_text_or_null(task) + ", \"reward\": " + json_text_or_null(reward) +
         ", \"score\": " + json_values(*this, score) + ", \"outcome\": " + json_values(*this, outcome) +
         ", \"detail\": " + json_values(*this, detail) + "}";
}

// A row on its way: what is known of it already, and the group to score where there is one.
struct RowScorer::Item {
  ScoredRow row;
  Group group;
  bool is_routed = false;
};

RowScorer::RowScorer(const Config& config, std::shared_ptr<const plugin::Registry> registry)
    : config_(config), router_(config, registry), scorer_(config, std::move(registry)) {}

RowScorer::Item RowScorer::read(const ScoreLine& line) const {
  Item item;
  if (!line.unreadable.empty()) {
    item.row.scores = {{Outcome::error, 0, line.unreadable}};
    return item;
  }
  size_t responses = 1;
  const std::string json = to_valid_utf8(line.json);
  salvage(json, item.row, responses);
  Row row;
  try {
    row = parse_row(json, line.where);
    if (row.responses.empty() && !row.response_is_list) {
      fail(line.where, ": there is no column response; expected a text or a list of texts");
    }
  } catch (const Error& error) {
    item.row.scores.assign(responses, {Outcome::error, 0, error.what()});
    return item;
  }
  Prompt& prompt = item.group.prompt;
  prompt.uid = row.id.empty() ? line.where : row.id;
  try {
    const Route route = router_.route(row);
    item.is_routed = true;
    item.row.task = prompt.task = route.task;
    item.row.reward = prompt.reward = route.reward;
    prompt.norm_key = route.norm_key;
    prompt.gold = std::make_shared<const Gold>(gold_for(row, route));
  } catch (const Error& error) {
    // The published code looks at the subtask last: the gate and an empty list of gold items come before it.
    const bool no_items = row.data_source == "longbench_pro" && row.gold.has_items && row.gold.items.empty();
    for (const std::string& text : row.responses) {
      std::string stopped = config_.rewards.gate ? gate(text) : "";
      if (stopped.empty() && no_items) stopped = "the list of gold items (ground_truth.doc_ids) is empty";
      item.row.scores.push_back(stopped.empty()
                                    ? ScoredResponse{Outcome::unscorable, 0, line.where + ": " + error.what()}
                                    : ScoredResponse{Outcome::scored, 0, stopped});
    }
    return item;
  }
  for (std::string& text : row.responses) item.group.responses.emplace_back().text = std::move(text);
  return item;
}

std::vector<ScoredRow> RowScorer::score(std::span<const ScoreLine> lines) const {
  std::vector<Item> items(lines.size());
  const auto threads = static_cast<size_t>(config_.rewards.threads);
  parallel_for(
      lines.size(), [&](size_t i) { items[i] = read(lines[i]); }, threads);
  std::vector<Group> groups;
  for (Item& item : items) {
    if (item.is_routed) groups.push_back(std::move(item.group));
  }
  scorer_.score(groups);
  std::vector<ScoredRow> rows;
  size_t next = 0;
  for (Item& item : items) {
    if (item.is_routed) {
      for (Response& response : groups[next++].responses) {
        item.row.scores.push_back({response.outcome, response.reward, std::move(response.detail)});
      }
    }
    rows.push_back(std::move(item.row));
  }
  return rows;
}

}  // namespace golong

// golong.score: rows with responses in, scores out, as `golong score`.
#include <mutex>

#include "core/base/error.h"
#include "core/data/row.h"
#include "core/python/bindings.h"
#include "core/score/scorer.h"

namespace golong::python {

namespace {

// A row on its way through the scorer.
struct Item {
  std::string id;
  bool is_list = false;
  Route route;
  std::string problem;  // why it cannot be scored at all
  Group group;
};

class RowScorer {
 public:
  explicit RowScorer(const Config& config)
      : registry_(registry_of(config)), router_(config, registry_), scorer_(config, registry_) {}

  py::list score(const py::list& rows) {
    std::vector<std::string> lines;
    for (const py::handle& row : rows) lines.push_back(to_json(row, where(lines.size())));
    std::vector<Item> items;
    {
      const py::gil_scoped_release release;
      const std::lock_guard lock(mutex_);
      items = score(lines);
    }
    py::list results;
    for (size_t i = 0; i < items.size(); ++i) results.append(result(items[i], rows[i]));
    return results;
  }

 private:
  static std::string where(size_t index) { return "rows[" + std::to_string(index) + "]"; }

  std::vector<Item> score(const std::vector<std::string>& lines) const {
    std::vector<Item> items;
    items.reserve(lines.size());
    for (const std::string& line : lines) items.push_back(item(line, where(items.size())));
    std::vector<Group> groups;
    for (Item& item : items) {
      if (item.problem.empty()) groups.push_back(std::move(item.group));
    }
    scorer_.score(groups);
    size_t next = 0;
    for (Item& item : items) {
      if (item.problem.empty()) item.group = std::move(groups[next++]);
    }
    return items;
  }

  Item item(const std::string& line, const std::string& where) const {
    Row row = parse_row(line, where);
    if (row.responses.empty() && !row.response_is_list) {
      fail(where, ": no response; expected a text or a list of texts in \"response\"");
    }
    Item item{row.id, row.response_is_list, {}, "", {}};
    try {
      item.route = router_.route(row);
    } catch (const Error& error) {
      // The published code raises here (paper C.1): the row has no score, the others do.
      item.problem = error.what();
    }
    Prompt& prompt = item.group.prompt;
    prompt.uid = row.id.empty() ? where : row.id;
    prompt.task = item.route.task;
    prompt.reward = item.route.reward;
    prompt.norm_key = item.route.norm_key;
    prompt.gold = std::make_shared<const Gold>(std::move(row.gold));
    for (std::string& text : row.responses) {
      item.group.responses.emplace_back().text = std::move(text);
    }
    return item;
  }

  static py::dict result(const Item& item, const py::handle& row) {
    py::list scores, outcomes, details;
    for (const Response& response : item.group.responses) {
      const bool scored = item.problem.empty() && response.outcome == Outcome::scored;
      scores.append(scored ? py::object(py::float_(response.reward)) : py::none());
      outcomes.append(name(item.problem.empty() ? response.outcome : Outcome::unscorable));
      details.append(item.problem.empty() ? response.detail : item.problem);
    }
    py::dict result;
    result["id"] = row.attr("get")("id");
    result["task"] = item.problem.empty() ? py::object(py::str(item.route.task)) : py::none();
    result["reward"] = item.problem.empty() ? py::object(py::str(item.route.reward)) : py::none();
    result["score"] = item.is_list ? py::object(scores) : py::object(scores[0]);
    result["outcome"] = item.is_list ? py::object(outcomes) : py::object(outcomes[0]);
    result["detail"] = item.is_list ? py::object(details) : py::object(details[0]);
    return result;
  }

  std::shared_ptr<const plugin::Registry> registry_;
  Router router_;
  Scorer scorer_;
  std::mutex mutex_;
};

}  // namespace

void bind_score(py::module_& module) {
  py::class_<RowScorer>(module, "Scorer")
      .def(py::init([](const Config& config) {
             const py::gil_scoped_release release;
             return std::make_unique<RowScorer>(config);
           }),
           py::arg("config"))
      .def("score", py::overload_cast<const py::list&>(&RowScorer::score), py::arg("rows"));
}

}  // namespace golong::python

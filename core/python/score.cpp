// golong.score: rows with responses in, scores out, as `golong score`.
#include "core/base/error.h"
#include "core/python/bindings.h"
#include "core/score/row_scorer.h"

namespace golong::python {

namespace {

py::object score_of(const ScoredResponse& response) {
  return response.outcome == Outcome::scored ? py::object(py::float_(response.score)) : py::none();
}

py::object text_or_none(const std::string& text) { return text.empty() ? py::none() : py::object(py::str(text)); }

py::dict result_of(const ScoredRow& row, const py::handle& input) {
  py::list scores, outcomes, details;
  for (const ScoredResponse& response : row.scores) {
    scores.append(score_of(response));
    outcomes.append(name(response.outcome));
    details.append(response.detail);
  }
  const auto one_or_all = [&](const py::list& values) { return row.is_list ? py::object(values) : values[0]; };
  py::dict result;
  result["id"] = input.attr("get")("id");
  result["task"] = text_or_none(row.task);
  result["reward"] = text_or_none(row.reward);
  result["score"] = one_or_all(scores);
  result["outcome"] = one_or_all(outcomes);
  result["detail"] = one_or_all(details);
  return result;
}

py::list score(const RowScorer& scorer, const py::list& rows) {
  std::vector<ScoreLine> lines;
  for (const py::handle& row : rows) {
    const std::string where = "rows[" + std::to_string(lines.size()) + "]";
    if (!py::hasattr(row, "get")) {
      fail(where, ": expected a dict, not ", std::string(py::str(py::type::of(row).attr("__name__"))));
    }
    lines.push_back({to_json(row, where), where});
  }
  std::vector<ScoredRow> scored;
  {
    const py::gil_scoped_release release;
    scored = scorer.score(lines);
  }
  py::list results;
  for (size_t i = 0; i < scored.size(); ++i) results.append(result_of(scored[i], rows[i]));
  return results;
}

}  // namespace

void bind_score(py::module_& module) {
  py::class_<RowScorer>(module, "Scorer")
      .def(py::init([](const Config& config) {
             const py::gil_scoped_release release;
             return std::make_unique<RowScorer>(config, registry_of(config));
           }),
           py::arg("config"))
      .def("score", &score, py::arg("rows"));
}

}  // namespace golong::python

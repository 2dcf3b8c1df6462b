// Rows scored through the built-in reward libraries, as `golong score` does it.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "core/score/row_scorer.h"

namespace golong::rewards_test {

inline const std::shared_ptr<const plugin::Registry>& registry() {
  static const std::shared_ptr<const plugin::Registry> all = plugin::Registry::load({});
  return all;
}

inline RowScorer scorer(const std::string& mode, bool gate = true) {
  Config config;
  config.rewards.gate = gate;
  config.rewards.threads = 2;
  for (const plugin::Plugin& plugin : registry()->plugins()) {
    if (plugin.kind == plugin::Kind::reward) config.reward_settings[plugin.id]["mode"] = {mode, "test"};
  }
  return RowScorer(config, registry());
}

// One question with one response. `gold` is the column ground_truth.
struct Question {
  std::string data_source;
  std::string reward_mode;
  boost::json::value gold;
  std::string response;
  std::string reference;  // extra_info.ground_truth, where it is not empty
};

inline boost::json::value items(std::vector<std::string> list, const std::string& language = "English") {
  boost::json::array all(list.begin(), list.end());
  return {{"doc_ids", all}, {"golden_label", ""}, {"summary", language}};
}
inline boost::json::value label(const std::string& text) {
  return {{"doc_ids", boost::json::array()}, {"golden_label", text}, {"summary", ""}};
}

inline ScoredResponse result(const Question& q, const std::string& mode = "released") {
  static const RowScorer released = scorer("released");
  static const RowScorer strict = scorer("strict");
  boost::json::value row = {{"id", "t"},
                            {"data_source", q.data_source},
                            {"reward_model", {{"ground_truth", q.gold}}},
                            {"extra_info", {{"reward_mode", q.reward_mode}}},
                            {"response", q.response}};
  if (!q.reference.empty()) row.at("extra_info").as_object()["ground_truth"] = q.reference;
  std::vector<ScoreLine> lines{{boost::json::serialize(row), "test"}};
  return (mode == "strict" ? strict : released).score(lines)[0].scores[0];
}

// The score; -1 where there is none.
inline double score(const Question& q, const std::string& mode = "released") {
  ScoredResponse r = result(q, mode);
  return r.outcome == Outcome::scored ? r.score : -1;
}

}  // namespace golong::rewards_test

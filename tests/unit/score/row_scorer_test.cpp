// Rows with responses: what comes out for each line, whatever stands in it.
#include "core/score/row_scorer.h"

#include "tests/unit/score/score_fixture.h"

namespace golong {
namespace {

using testing::HasSubstr;

std::vector<std::string> score(const std::vector<std::string>& rows, bool gate = false) {
  Config config = config_with(60);
  config.rewards.gate = gate;
  std::vector<ScoreLine> lines;
  for (const std::string& row : rows) lines.push_back({row, "rows.jsonl:" + std::to_string(lines.size() + 1)});
  std::vector<std::string> results;
  for (const ScoredRow& row : RowScorer(config, registry()).score(lines)) results.push_back(row.to_json());
  return results;
}

std::string em_row(const std::string& rest) {
  return R"({"data_source": "EM", "reward_model": {"ground_truth": {"golden_label": "yes"}}, )" + rest + "}";
}

TEST(RowScorer, OneResponse) {
  EXPECT_EQ(
      score({em_row(R"("id": "a", "response": "yes")")})[0],
      R"({"id": "a", "task": "precise_retrieval", "reward": "em", "score": 1.0, "outcome": "scored", "detail": ""})");
}

TEST(RowScorer, AListOfResponses) {
  EXPECT_EQ(score({em_row(R"("id": 7, "response": ["yes", "no"])")})[0],
            R"({"id": 7, "task": "precise_retrieval", "reward": "em", "score": [1.0, 0.0], )"
            R"("outcome": ["scored", "scored"], "detail": ["", ""]})");
  EXPECT_THAT(score({em_row(R"("response": [])")})[0], HasSubstr(R"("score": [], "outcome": [], "detail": [])"));
}

TEST(RowScorer, ARowWithoutAnId) {
  EXPECT_THAT(score({em_row(R"("response": "yes")")})[0], HasSubstr(R"("id": null)"));
}

TEST(RowScorer, WhatCannotBeReadIsAnErrorAndTheRestGoesOn) {
  auto results = score({"no json", R"({"id": "b", "data_source": 3, "response": ["x", "y"]})", em_row(R"("id": "c")"),
                        em_row(R"("id": "d", "response": "yes")"), "[]"});
  EXPECT_THAT(results[0], HasSubstr(R"("id": null, "task": null, "reward": null, "score": null, "outcome": "error")"));
  EXPECT_THAT(results[0], HasSubstr("rows.jsonl:1: the line is no JSON"));
  EXPECT_THAT(results[1], HasSubstr(R"("id": "b", "task": null, "reward": null, "score": [null, null])"));
  EXPECT_THAT(results[1], HasSubstr("rows.jsonl:2: column data_source"));
  EXPECT_THAT(results[2], HasSubstr("rows.jsonl:3: there is no column response"));
  EXPECT_THAT(results[3], HasSubstr(R"("score": 1.0)"));
  EXPECT_THAT(results[4], HasSubstr("the row is a list"));
}

TEST(RowScorer, WhatCannotBeRoutedIsUnscorable) {
  std::string row = R"({"id": "a", "data_source": "mystery", "response": ["x", "</think>x"]})";
  EXPECT_THAT(score({row})[0], HasSubstr(R"("outcome": ["unscorable", "unscorable"])"));
  EXPECT_THAT(score({row})[0], HasSubstr("data_source \\\"mystery\\\" is not known"));
  // The published code looks at the gate before it looks for a reward.
  EXPECT_THAT(score({row}, true)[0], HasSubstr(R"("score": [0.0, null], "outcome": ["scored", "unscorable"])"));
}

// Neither does it look at the subtask when there are no gold items.
TEST(RowScorer, AnEmptyListOfItemsScoresZeroBeforeItsSubtaskIsLookedAt) {
  auto row = [](const std::string& items) {
    return R"({"data_source": "longbench_pro", "extra_info": {"reward_mode": "T99"}, "response": "</think>x",)"
           R"("reward_model": {"ground_truth": {"doc_ids": [)" +
           items + "]}}}";
  };
  EXPECT_THAT(score({row("")}, true)[0], HasSubstr(R"("score": 0.0, "outcome": "scored")"));
  EXPECT_THAT(score({row("\"a\"")}, true)[0], HasSubstr(R"("outcome": "unscorable")"));
}

TEST(RowScorer, AGoldOfTheWrongShapeIsUnscorable) {
  EXPECT_THAT(score({R"({"data_source": "EM", "reward_model": {"ground_truth": {}}, "response": "x"})"})[0],
              HasSubstr(R"("score": null, "outcome": "unscorable")"));
  EXPECT_THAT(score({R"({"data_source": "EM", "reward_model": {"ground_thruth": "x"}, "response": "x"})"})[0],
              HasSubstr(R"(has no label (ground_truth.golden_label); reward_model has \"ground_thruth\"; )"
                        "did you mean ground_truth?"));
}

}  // namespace
}  // namespace golong

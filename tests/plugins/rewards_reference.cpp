// Every reference case, scored by the published Python code, through routing, gate and the shared libraries.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/plugins/rewards_support.h"

namespace golong::rewards_test {
namespace {

TEST(RewardReference, AllCases) {
  std::ifstream file(GOLONG_SOURCE_DIR "/tests/data/reward_cases.jsonl");
  std::vector<ScoreLine> lines;
  std::vector<boost::json::object> rows;
  for (std::string line; std::getline(file, line);) {
    rows.push_back(boost::json::parse(line).as_object());
    lines.push_back({line, "reward_cases.jsonl:" + std::to_string(lines.size() + 1)});
  }
  ASSERT_EQ(rows.size(), 403u);
  std::vector<ScoredRow> scored = scorer("released").score(lines);
  std::map<std::string, int> seen;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string id(rows[i]["id"].as_string()), metric(rows[i]["metric"].as_string());
    ++seen[metric];
    ASSERT_EQ(scored[i].scores.size(), 1u) << id;
    EXPECT_EQ(scored[i].scores[0].outcome, Outcome::scored) << id << ": " << scored[i].scores[0].detail;
    EXPECT_NEAR(scored[i].scores[0].score, rows[i]["expected"].to_number<double>(), 1e-6)
        << id << " (" << metric << ", " << rows[i]["family"].as_string().c_str() << ")";
  }
  EXPECT_EQ(seen.size(), 11u);
  EXPECT_EQ(seen["math"], 114);
}

// Scores do not depend on the number of threads or on what else is scored.
TEST(RewardReference, OneByOneIsAsTogether) {
  std::ifstream file(GOLONG_SOURCE_DIR "/tests/data/reward_cases.jsonl");
  std::vector<ScoreLine> lines;
  for (std::string line; std::getline(file, line);) lines.push_back({line, "row"});
  RowScorer all = scorer("strict");
  std::vector<ScoredRow> together = all.score(lines);
  for (size_t i = 0; i < lines.size(); i += 7) {
    ScoredRow alone = all.score(std::span(&lines[i], 1))[0];
    EXPECT_EQ(alone.to_json(), together[i].to_json());
  }
}

}  // namespace
}  // namespace golong::rewards_test

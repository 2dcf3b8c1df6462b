#include "core/train/batch.h"

#include <gmock/gmock.h>

namespace golong {
namespace {

using ::testing::ElementsAre;

Response response(double reward, Outcome outcome = Outcome::scored, size_t tokens = 2) {
  Response made;
  made.reward = reward;
  made.outcome = outcome;
  made.token_ids.assign(tokens, 1);
  return made;
}

Group group(const std::string& task, const std::string& key, std::vector<Response> responses) {
  Group made;
  made.prompt.task = task;
  made.prompt.norm_key = key;
  made.responses = std::move(responses);
  return made;
}

// paper E.2
TEST(RewardsDiffer, OnlyByWhatCounts) {
  RewardsConfig config;
  auto differ = [&](std::vector<Response> responses) { return rewards_differ(group("t", "k", responses), config); };
  EXPECT_TRUE(differ({response(0), response(0), response(0.5)}));
  EXPECT_FALSE(differ({response(0.1), response(0.1), response(0.1)}));
  EXPECT_TRUE(differ({response(0.3)})) << "a group of one is kept";
  EXPECT_FALSE(differ({response(0, Outcome::error)}));
  EXPECT_FALSE(differ({response(1), response(0, Outcome::timeout), response(0, Outcome::unscorable)}));
  EXPECT_FALSE(differ({}));
  config.timeout_reward = 0;
  EXPECT_TRUE(differ({response(1), response(0, Outcome::timeout)}));
}

TEST(Columns, NumberGroupsAndKeys) {
  RewardsConfig config;
  config.error_reward = -1;
  std::vector<Group> groups{group("retrieval", "EM", {response(1), response(0, Outcome::timeout, 5)}),
                            group("ranking", "NDCG", {response(0.5)}),
                            group("retrieval", "EM", {response(-1, Outcome::error), response(0)})};
  groups[1].responses[0].finish = Finish::length;
  plugin::Columns columns = normalizer_columns(groups, config);
  EXPECT_THAT(columns.tasks, ElementsAre("EM", "NDCG"));
  EXPECT_THAT(columns.group_tasks, ElementsAre(0, 1, 0));
  EXPECT_THAT(columns.groups, ElementsAre(0, 0, 1, 2, 2));
  EXPECT_THAT(columns.rewards, ElementsAre(1, 0, 0.5, -1, 0));
  EXPECT_THAT(columns.lengths, ElementsAre(2, 5, 2, 2, 2));
  EXPECT_THAT(columns.finish_reasons, ElementsAre(0, 0, 1, 0, 0));
  EXPECT_THAT(columns.outcomes, ElementsAre(0, 1, 0, 0, 0)) << "an error with a reward counts as scored";
  ReportColumns report = report_columns(groups, config);
  ASSERT_EQ(report.responses.size(), 5u);
  EXPECT_FALSE(report.responses[1].counted);
  EXPECT_TRUE(report.responses[3].counted);
  EXPECT_EQ(report.responses[3].outcome, 2) << "the report still says what it was";
  EXPECT_TRUE(report.responses[2].truncated);
  EXPECT_EQ(report.groups[1].task, "ranking");
}

}  // namespace
}  // namespace golong

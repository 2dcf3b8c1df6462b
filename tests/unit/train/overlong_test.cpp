#include "core/train/overlong.h"

#include <gtest/gtest.h>

#include "core/train/batch.h"

namespace golong {
namespace {

// DAPO with 16 tokens at most and a buffer of 4.
TEST(Overlong, ThePenaltyRisesOverTheBuffer) {
  const OverlongConfig config{false, 4, 2.0};
  for (auto [tokens, expected] : {std::pair<int64_t, double>{1, 0}, {12, 0}, {13, 0.5}, {14, 1}, {16, 2}, {17, 2}}) {
    EXPECT_DOUBLE_EQ(overlong_penalty(tokens, config, 16), expected) << tokens;
  }
  EXPECT_EQ(overlong_penalty(16, OverlongConfig{}, 16), 0) << "no buffer, no penalty";
  EXPECT_DOUBLE_EQ(overlong_penalty(8, {false, 16, 1.0}, 16), 0.5) << "a buffer as long as the response";
}

Response response(double reward, size_t tokens, Finish finish, Outcome outcome = Outcome::scored) {
  Response made;
  made.reward = reward;
  made.token_ids.assign(tokens, 1);
  made.finish = finish;
  made.outcome = outcome;
  return made;
}

std::vector<Group> groups() {
  std::vector<Group> made(2);
  made[0].prompt.uid = "a";
  made[0].responses = {response(1, 16, Finish::length), response(1, 14, Finish::stop), response(0, 3, Finish::stop),
                       response(0, 16, Finish::length, Outcome::timeout)};
  made[1].prompt.uid = "b";
  made[1].responses = {response(0.5, 16, Finish::length)};
  return made;
}

TEST(Overlong, TheNormalizerSeesTheRewardWithoutThePenalty) {
  std::vector<Group> scored = groups();
  penalise_overlong(scored, {false, 4, 1.0}, 16);
  EXPECT_EQ(normalizer_columns(scored, {}).rewards, (std::vector<double>{0, 0.5, 0, 0, -0.5}));
  EXPECT_TRUE(rewards_differ(scored[0], {}));
  scored[0].responses[2].reward = 1;
  EXPECT_FALSE(rewards_differ(scored[0], {})) << "the penalty alone keeps no group";
  EXPECT_EQ(scored[0].responses[0].reward, 1) << "the score stays what it was";
  // The standard deviations before and after.
  ReportColumns columns = report_columns(groups(), {});
  Metrics plain = batch_metrics(columns.groups, columns.responses, {});
  EXPECT_EQ(plain.at("critic/score/std"), plain.at("critic/rewards/std"));
  scored = groups();
  penalise_overlong(scored, {false, 4, 1.0}, 16);
  columns = report_columns(scored, {});
  Metrics metrics = batch_metrics(columns.groups, columns.responses, {});
  EXPECT_EQ(metrics.at("critic/score/std"), plain.at("critic/score/std"));
  EXPECT_NE(metrics.at("critic/rewards/std"), plain.at("critic/rewards/std"));
  EXPECT_EQ(generation_metrics(columns.groups, columns.responses).at("reward/mean"), 2.5 / 4) << "scores";
}

TEST(Overlong, FilteringLeavesOutWhatTheLimitEnded) {
  TrainedBatch kept = without_overlong(groups(), {{0.1, 0.2, 0.3, 0.4}, {0.5}});
  ASSERT_EQ(kept.groups.size(), 1u);
  EXPECT_EQ(kept.groups[0].prompt.uid, "a");
  EXPECT_EQ(kept.groups[0].responses.size(), 2u);
  EXPECT_EQ(kept.advantages, (std::vector<std::vector<double>>{{0.2, 0.3}}));
}

}  // namespace
}  // namespace golong

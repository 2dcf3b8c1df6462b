// Outcomes of rewards that behave and of rewards that do not.
#include <thread>

#include "tests/unit/score/score_fixture.h"

namespace golong {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Scorer, ScoresEveryResponseWithItsReward) {
  std::vector<Group> groups{group_of("bad_obedient", {"half", "fine"}), group_of("em", {"label", "other", " label "}),
                            group_of("bad_alone", {"half"})};
  Scorer(config_with(60), registry()).score(groups);
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(0.5, 1));
  EXPECT_THAT(rewards_of(groups[1]), ElementsAre(1, 0, 1));
  EXPECT_THAT(rewards_of(groups[2]), ElementsAre(0.5));
  for (const Group& group : groups) EXPECT_THAT(outcomes_of(group), Each(Outcome::scored));
}

TEST(Scorer, AnswersStandAfterTheLastThink) {
  std::vector<Group> groups{group_of("em", {"<think>x</think>label", "a</think>b</think>label", "label</think>"})};
  Scorer(config_with(60), registry()).score(groups);
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(1, 1, 0));
}

TEST(Scorer, TheGateScoresZeroAndSaysWhy) {
  Config config = config_with(60);
  config.rewards.gate = true;
  std::vector<Group> groups{group_of("em", {"label", "</think>label", "</think></think>label",
                                            "<think><think></think>label", "</think>label<think>"})};
  Scorer(config, registry()).score(groups);
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(0, 1, 0, 0, 0));
  EXPECT_THAT(outcomes_of(groups[0]), Each(Outcome::scored));
  EXPECT_THAT(groups[0].responses[0].detail, HasSubstr("gate: no </think>"));
  EXPECT_THAT(groups[0].responses[2].detail, HasSubstr("gate: 2 </think>"));
  EXPECT_THAT(groups[0].responses[3].detail, HasSubstr("gate: 2 <think>"));
  EXPECT_EQ(groups[0].responses[4].detail, "");  // passes, and is another answer than the label
}

TEST(Scorer, GatedGroupsNeedNoGoldAndNoReward) {
  Config config = config_with(60);
  config.rewards.gate = true;
  std::vector<Group> groups{group_of("no_such_reward", {"label"})};
  groups[0].prompt.gold = nullptr;
  Scorer(config, registry()).score(groups);
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(0));
}

class EachReward : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kinds, EachReward, testing::Values("bad_obedient", "bad_alone"));

TEST_P(EachReward, MisfortunesAreOutcomesThatNamePluginRowAndResponse) {
  std::vector<Group> groups{
      group_of(GetParam(), {"throw", "throw int", "unscorable", "cancelled", "nan", "infinity", "detail", "fine"})};
  Scorer(config_with(60), registry()).score(groups);
  const Group& group = groups[0];
  EXPECT_THAT(outcomes_of(group), ElementsAre(Outcome::error, Outcome::error, Outcome::unscorable, Outcome::error,
                                              Outcome::error, Outcome::error, Outcome::scored, Outcome::scored));
  EXPECT_THAT(rewards_of(group), ElementsAre(0, 0, 0, 0, 0, 0, 1, 1));
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_THAT(group.responses[i].detail,
                AllOf(StartsWith("reward " + std::string(GetParam()) + " ("), HasSubstr("bad_rewards.so"),
                      HasSubstr("row rows.jsonl:7, response " + std::to_string(i) + ": ")));
  }
  EXPECT_THAT(group.responses[0].detail, HasSubstr("it slipped"));
  EXPECT_THAT(group.responses[2].detail, HasSubstr("not this one"));
  EXPECT_THAT(group.responses[4].detail, HasSubstr("the score is nan; a finite number is expected"));
  EXPECT_EQ(group.responses[6].detail, "seen: \xef\xbf\xbd");  // what is no UTF-8 was replaced
  EXPECT_EQ(group.responses[7].detail, "");
}

TEST_P(EachReward, PreparesOnceForAGroupAndReleasesEverything) {
  int prepares = counter("bad_prepares");
  std::vector<Group> groups;
  for (int i = 0; i < 20; ++i) groups.push_back(group_of(GetParam(), {"fine", "half", "throw", "fine"}));
  Scorer scorer(config_with(60, 4), registry());
  scorer.score(groups);
  EXPECT_EQ(counter("bad_prepares"), prepares + 20);
  EXPECT_EQ(counter("bad_prepared"), 0);
  for (const Group& group : groups) EXPECT_THAT(rewards_of(group), ElementsAre(1, 0.5, 0, 1));
}

TEST_P(EachReward, AGoldThatCannotBeReadIsTheOutcomeOfTheGroup) {
  std::vector<Group> groups{group_of(GetParam(), {"fine", "half"}, "unscorable"),
                            group_of(GetParam(), {"fine", "half"}, "throw"), group_of(GetParam(), {"fine"})};
  Scorer(config_with(60), registry()).score(groups);
  EXPECT_THAT(outcomes_of(groups[0]), Each(Outcome::unscorable));
  EXPECT_THAT(groups[0].responses[1].detail, HasSubstr("response 1: the label is not to my liking"));
  EXPECT_THAT(outcomes_of(groups[1]), Each(Outcome::error));
  EXPECT_THAT(groups[1].responses[0].detail, HasSubstr("it slipped in prepare"));
  EXPECT_THAT(rewards_of(groups[2]), ElementsAre(1));
}

TEST_P(EachReward, APoliteTimeoutEndsWithItsDeadline) {
  std::vector<Group> groups{group_of(GetParam(), {"fine", "polite", "late", "half"})};
  Scorer(config_with(0.05, 4), registry()).score(groups);
  EXPECT_THAT(outcomes_of(groups[0]),
              ElementsAre(Outcome::scored, Outcome::timeout, Outcome::timeout, Outcome::scored));
  EXPECT_THAT(groups[0].responses[1].detail, HasSubstr("response 1: no score within 0.05 s"));
  EXPECT_EQ(counter("bad_prepared"), 0);
}

// Restores the order of the world: calls that hang return, and the test waits until they have.
class HangTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { counter("bad_let_go") = 0; }
  void TearDown() override {
    counter("bad_let_go") = 1;
    while (counter("bad_hanging") > 0 || counter("bad_prepared") > 0) std::this_thread::yield();
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, HangTest, testing::Values("bad_obedient", "bad_alone"));

TEST_P(HangTest, ACallThatIgnoresItsDeadlineIsATimeoutAndTheRestGoesOn) {
  std::vector<Group> groups{group_of(GetParam(), {"half", "hang", "fine", "fine"}), group_of(GetParam(), {"fine"})};
  Scorer scorer(config_with(0.05, 1), registry());
  scorer.score(groups);
  EXPECT_THAT(outcomes_of(groups[0]), ElementsAre(Outcome::scored, Outcome::timeout, Outcome::scored, Outcome::scored));
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(0.5, 0, 1, 1));
  EXPECT_THAT(rewards_of(groups[1]), ElementsAre(1));
  EXPECT_THAT(groups[0].responses[1].detail,
              AllOf(HasSubstr(GetParam()), HasSubstr("row rows.jsonl:7, response 1: "), HasSubstr("given up")));
  EXPECT_EQ(counter("bad_hanging"), 1);
  // The only thread was replaced: the scorer goes on.
  std::vector<Group> more{group_of(GetParam(), {"fine"})};
  scorer.score(more);
  EXPECT_THAT(rewards_of(more[0]), ElementsAre(1));
}

TEST_P(HangTest, APrepareThatHangsIsATimeoutOfItsGroup) {
  std::vector<Group> groups{group_of(GetParam(), {"fine", "half"}, "hang"), group_of(GetParam(), {"fine"})};
  Scorer(config_with(0.02, 2), registry()).score(groups);
  EXPECT_THAT(outcomes_of(groups[0]), Each(Outcome::timeout));
  EXPECT_THAT(groups[0].responses[0].detail, HasSubstr("prepare hangs"));
  EXPECT_THAT(rewards_of(groups[1]), ElementsAre(1));
}

TEST_P(HangTest, TooManyHangsStopTheRunAndNameRewardAndRow) {
  std::vector<Group> groups;
  for (int i = 0; i < 12; ++i) groups.push_back(group_of(GetParam(), {"hang", "fine"}));
  Scorer scorer(config_with(0.02, 4), registry());
  EXPECT_THAT(error_message([&] { scorer.score(groups); }),
              AllOf(StartsWith("reward " + std::string(GetParam())), HasSubstr("row rows.jsonl:7, response 0"),
                    HasSubstr("calls ignored their deadline of 0.02 s"), HasSubstr("the run stops"),
                    HasSubstr("Set `isolate = true`")));
}

TEST_P(HangTest, HowManyHangsStopTheRunIsAKey) {
  Config config = config_with(0.02, 2);
  config.rewards.max_hung_calls = 2;
  std::vector<Group> groups{group_of(GetParam(), {"hang"}), group_of(GetParam(), {"hang"})};
  EXPECT_THAT(error_message([&] { Scorer(config, registry()).score(groups); }), HasSubstr("2 calls ignored"));
}

TEST(Scorer, TimeoutsAndErrorsCanHaveAReward) {
  Config config = config_with(0.05);
  std::vector<Group> groups{group_of("bad_obedient", {"polite", "throw", "unscorable", "fine"})};
  Scorer(config, registry()).score(groups);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(counts(groups[0].responses[i], config.rewards), i == 3);
  config.rewards.timeout_reward = -0.5;
  config.rewards.error_reward = -1;
  Scorer(config, registry()).score(groups);
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(-0.5, -1, 0, 1));
  EXPECT_THAT(outcomes_of(groups[0]),
              ElementsAre(Outcome::timeout, Outcome::error, Outcome::unscorable, Outcome::scored));
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(counts(groups[0].responses[i], config.rewards), i != 2);
}

TEST(Scorer, APluginThatIsNotThreadSafeIsUsedByOneThreadAtATime) {
  int instances = counter("bad_instances");
  counter("bad_overlaps") = 0;
  std::vector<Group> groups;
  for (int i = 0; i < 200; ++i) groups.push_back(group_of("bad_alone", {"fine", "detail", "half"}));
  Scorer(config_with(60, 4), registry()).score(groups);
  EXPECT_EQ(counter("bad_overlaps"), 0);
  EXPECT_LE(counter("bad_instances"), instances + 4);
  instances = counter("bad_instances");
  for (Group& group : groups) group.prompt.reward = "bad_obedient";
  Scorer(config_with(60, 4), registry()).score(groups);
  EXPECT_EQ(counter("bad_instances"), instances + 1);  // one serves all
}

TEST(Scorer, ResultsDoNotDependOnThreads) {
  std::vector<Group> groups;
  for (int i = 0; i < 50; ++i) {
    groups.push_back(group_of(i % 2 ? "bad_alone" : "em", {"label", "half", "nan", "throw", "detail"}));
    groups.back().prompt.uid = "row " + std::to_string(i);
  }
  std::vector<Group> one = groups, many = groups;
  Scorer(config_with(60, 1), registry()).score(one);
  Scorer(config_with(60, 7), registry()).score(many);
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(one[g].responses[i].outcome, many[g].responses[i].outcome);
      EXPECT_EQ(one[g].responses[i].reward, many[g].responses[i].reward);
      EXPECT_EQ(one[g].responses[i].detail, many[g].responses[i].detail);
    }
  }
}

TEST(Scorer, ExceptionsAndStatusesThatNobodyKnows) {
  std::vector<Group> groups{group_of("bad_across", {"1", "22", "333", "4444", "55555"}),
                            group_of("bad_across", {"1"}, "")};
  Scorer(config_with(60), registry()).score(groups);
  EXPECT_THAT(outcomes_of(groups[0]),
              ElementsAre(Outcome::error, Outcome::error, Outcome::error, Outcome::error, Outcome::scored));
  EXPECT_THAT(groups[0].responses[0].detail, HasSubstr("an exception crossed the interface: straight through"));
  EXPECT_THAT(groups[0].responses[1].detail, HasSubstr("an exception crossed the interface"));
  EXPECT_THAT(groups[0].responses[2].detail, HasSubstr("status 77"));
  EXPECT_THAT(groups[0].responses[3].detail, HasSubstr("the score is nan"));
  EXPECT_THAT(groups[1].responses[0].detail, HasSubstr("from prepare"));
}

TEST(Scorer, ARewardInCThatWasCompiledOnceStillWorks) {
  Config config = config_with(60);
  config.reward_settings["compiled_once"] = {{"by", {2.0, ""}}, {"at_least", {int64_t{2}, ""}}};
  Gold gold;
  gold.items = {"one", "two"};
  gold.has_items = true;
  std::vector<Group> groups{group_of("compiled_once", {"one and two", "one", ""}), group_of("compiled_once", {"one"})};
  groups[0].prompt.gold = std::make_shared<const Gold>(gold);
  Scorer(config, registry()).score(groups);
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(4, 0, 0));
  EXPECT_EQ(groups[0].responses[0].detail, "counted");
  EXPECT_THAT(outcomes_of(groups[1]), ElementsAre(Outcome::unscorable));
}

TEST(Scorer, TextsThatAreNoUtf8AndVeryLongDetails) {
  std::vector<Group> groups{group_of("bad_obedient", {"\xff\xfe", "", "long detail"})};
  Scorer(config_with(60), registry()).score(groups);
  EXPECT_THAT(outcomes_of(groups[0]), Each(Outcome::scored));
  EXPECT_EQ(groups[0].responses[2].detail.size(), 4096u);
}

TEST(Scorer, ModeIsTheDefaultOfEveryRewardThatKnowsIt) {
  Config config = config_with(60);
  config.rewards.mode = "strict";
  std::vector<Group> groups{group_of("bad_moody", {"x"}), group_of("bad_own_mode", {"x"})};
  Scorer(config, registry()).score(groups);
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(1));
  EXPECT_THAT(rewards_of(groups[1]), ElementsAre(0));  // its own mode, fast, stays
  config.reward_settings["bad_moody"] = {{"mode", {std::string("released"), ""}}};
  Scorer(config, registry()).score(groups);
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(0));
}

TEST(Scorer, ARewardThatIsNotThereOrCannotBeMade) {
  std::vector<Group> groups{group_of("em", {"label"}), group_of("bad_obedeint", {"x"})};
  EXPECT_THAT(error_message([&] { Scorer(config_with(60), registry()).score(groups); }),
              HasSubstr("there is no reward bad_obedeint; did you mean bad_obedient?"));
  groups[1].prompt.reward = "bad_refusing";
  EXPECT_THAT(error_message([&] { Scorer(config_with(60), registry()).score(groups); }),
              AllOf(HasSubstr("reward bad_refusing"), HasSubstr("no dictionary anywhere")));
}

TEST(Scorer, NothingToScore) {
  std::vector<Group> groups;
  Scorer scorer(config_with(60), registry());
  scorer.score(groups);
  groups.push_back(group_of("em", {}));
  scorer.score(groups);
  EXPECT_TRUE(groups[0].responses.empty());
}

TEST(Scorer, MayBeUsedFromSeveralThreads) {
  Scorer scorer(config_with(60, 3), registry());
  std::vector<std::vector<Group>> all(4);
  std::vector<std::jthread> threads;
  for (auto& groups : all) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) groups.push_back(group_of(i % 2 ? "em" : "bad_alone", {"label", "half"}));
      scorer.score(groups);
    });
  }
  threads.clear();
  for (const auto& groups : all) {
    for (size_t i = 0; i < groups.size(); ++i) {
      EXPECT_THAT(rewards_of(groups[i]), i % 2 ? ElementsAre(1.0, 0.0) : ElementsAre(1.0, 0.5));
    }
  }
}

}  // namespace
}  // namespace golong

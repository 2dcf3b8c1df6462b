// Isolated rewards through the scorer: the same outcomes as in the scoring threads, and those of dead processes.
#include <set>

#include "core/data/row_file.h"
#include "core/score/row_scorer.h"
#include "tests/unit/score/score_fixture.h"

namespace golong {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Config isolated(double deadline_seconds, int64_t threads = 2) {
  Config config = config_with(deadline_seconds, threads);
  for (const char* reward : {"bad_mortal", "bad_obedient", "bad_alone", "bad_across", "bad_refusing", "em"}) {
    config.isolated[reward] = true;
  }
  return config;
}

TEST(Isolated, DeathsAreOutcomesAndTheGroupGoesOn) {
  std::vector<Group> groups{group_of("bad_mortal", {"fine", "segv", "label", "exit", "garbage", "fine"}),
                            group_of("bad_mortal", {"abort"}), group_of("bad_mortal", {"fine"})};
  Scorer(isolated(60), registry()).score(groups);
  EXPECT_THAT(outcomes_of(groups[0]), ElementsAre(Outcome::scored, Outcome::error, Outcome::scored, Outcome::error,
                                                  Outcome::error, Outcome::scored));
  EXPECT_THAT(rewards_of(groups[0]), ElementsAre(4, 0, 5, 0, 0, 4));
  EXPECT_EQ(groups[0].responses[2].detail, "label");  // the new worker read the gold, too
  EXPECT_THAT(groups[0].responses[1].detail,
              AllOf(StartsWith("reward bad_mortal ("), HasSubstr("bad_isolated.so), row rows.jsonl:7, response 1: "),
                    HasSubstr("died: signal 11 (Segmentation fault)")));
  EXPECT_THAT(outcomes_of(groups[1]), Each(Outcome::error));
  EXPECT_THAT(outcomes_of(groups[2]), Each(Outcome::scored));
}

TEST(Isolated, HangsAreTimeoutsAndNeverStopTheRun) {
  Config config = isolated(0.05);
  config.rewards.max_hung_calls = 1;
  std::vector<Group> groups{group_of("bad_mortal", {"hang", "fine", "polite", "hang", "fine"})};
  Scorer(config, registry()).score(groups);
  EXPECT_THAT(outcomes_of(groups[0]),
              ElementsAre(Outcome::timeout, Outcome::scored, Outcome::timeout, Outcome::timeout, Outcome::scored));
  EXPECT_THAT(groups[0].responses[0].detail,
              AllOf(HasSubstr("response 0: no score within 0.05 s"), HasSubstr("its worker process was killed")));
}

TEST(Isolated, APrepareThatHangsDiesOrRefusesIsTheOutcomeOfItsGroup) {
  std::vector<Group> groups{group_of("bad_mortal", {"fine", "fine"}, "hang"),
                            group_of("bad_mortal", {"fine", "fine"}, "segv"),
                            group_of("bad_mortal", {"fine", "fine"}, "unscorable"), group_of("bad_mortal", {"fine"})};
  Scorer(isolated(0.05), registry()).score(groups);
  EXPECT_THAT(outcomes_of(groups[0]), Each(Outcome::timeout));
  EXPECT_THAT(groups[0].responses[1].detail, HasSubstr("response 1: prepare hangs: it did not return in 0.5 s"));
  EXPECT_THAT(outcomes_of(groups[1]), Each(Outcome::error));
  EXPECT_THAT(groups[1].responses[1].detail, HasSubstr("prepare failed: its worker process died: signal 11"));
  EXPECT_THAT(outcomes_of(groups[2]), Each(Outcome::unscorable));
  EXPECT_THAT(groups[2].responses[0].detail, HasSubstr("response 0: the label is not to my liking"));
  EXPECT_THAT(outcomes_of(groups[3]), Each(Outcome::scored));
}

// Everything that can be said of groups that were scored.
std::vector<std::string> told(const std::vector<Group>& groups) {
  std::vector<std::string> lines;
  for (const Group& group : groups) {
    for (const Response& r : group.responses) {
      lines.push_back(std::string(name(r.outcome)) + " " + std::to_string(r.reward) + " " + r.detail);
    }
  }
  return lines;
}

TEST(Isolated, ResultsAreThoseOfTheScoringThreads) {
  std::vector<Group> groups;
  for (int i = 0; i < 30; ++i) {
    const char* rewards[] = {"bad_obedient", "bad_alone", "em"};
    groups.push_back(group_of(rewards[i % 3],
                              {"throw", "throw int", "unscorable", "nan", "detail", "long detail", "half", "label"},
                              i % 7 == 0 ? "unscorable" : "label"));
    groups.back().prompt.uid = "row " + std::to_string(i);
  }
  groups.push_back(group_of("bad_across", {"1", "22", "333", "4444", "55555"}));
  std::vector<Group> inside = groups, one = groups, many = groups;
  Scorer(config_with(60), registry()).score(inside);
  Scorer(isolated(60, 1), registry()).score(one);
  Scorer(isolated(60, 5), registry()).score(many);
  EXPECT_EQ(told(one), told(inside));
  EXPECT_EQ(told(many), told(inside));
}

TEST(Isolated, WorkersAreKeptAndAsManyAsThreads) {
  std::vector<Group> groups;
  for (int i = 0; i < 100; ++i) groups.push_back(group_of("bad_mortal", {"process"}));
  Scorer scorer(isolated(60, 3), registry());
  scorer.score(groups);
  std::set<std::string> processes;
  for (const Group& group : groups) processes.insert(group.responses[0].detail);
  EXPECT_LE(processes.size(), 3u);
  scorer.score(groups);
  for (const Group& group : groups) EXPECT_TRUE(processes.contains(group.responses[0].detail));
}

TEST(Isolated, ARewardThatCannotBeMadeStopsBeforeAnythingBegins) {
  std::vector<Group> groups{group_of("bad_refusing", {"x"})};
  EXPECT_THAT(error_message([&] { Scorer(isolated(60), registry()).score(groups); }),
              AllOf(StartsWith("reward bad_refusing"), HasSubstr("no dictionary anywhere")));
}

TEST(Isolated, WhatARewardPrintsDoesNotGetIntoTheOutput) {
  std::vector<Group> groups{group_of("bad_mortal", {"print"})};
  testing::internal::CaptureStdout();
  Scorer(isolated(60), registry()).score(groups);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_THAT(outcomes_of(groups[0]), Each(Outcome::scored));
}

TEST(Isolated, TheReferenceCasesScoreTheSame) {
  const RowFile file(std::filesystem::path(GOLONG_SOURCE_DIR) / "tests/data/reward_cases.jsonl");
  std::vector<ScoreLine> lines;
  for (size_t i = 0; i < file.size(); ++i) lines.push_back({file.line(i), file.where(i)});
  Config config = Config::defaults();
  config.rewards.deadline_seconds = 600;  // the slowest machine under a sanitizer
  const auto all = plugin::Registry::load({});
  const std::vector<ScoredRow> inside = RowScorer(config, all).score(lines);
  for (const plugin::Plugin& plugin : all->plugins()) config.isolated[plugin.id] = true;
  const std::vector<ScoredRow> outside = RowScorer(config, all).score(lines);
  ASSERT_EQ(inside.size(), file.size());
  for (size_t i = 0; i < inside.size(); ++i) EXPECT_EQ(outside[i].to_json(), inside[i].to_json()) << file.where(i);
}

}  // namespace
}  // namespace golong

// What a normalizer gives back is checked before anybody uses it.
#include "core/plugin/normalizer.h"

#include "tests/unit/plugin/plugin_fixture.h"

namespace golong::plugin {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class NormalizerTest : public testing::Test {
 protected:
  NormalizerTest() {
    columns_.rewards = {1, 0, 0.25};
    columns_.groups = {0, 1, 1};
    columns_.lengths = {10, 20, 30};
    columns_.finish_reasons = {GOLONG_FINISH_STOP, GOLONG_FINISH_STOP, GOLONG_FINISH_LENGTH};
    columns_.outcomes = {GOLONG_SCORED, GOLONG_SCORED, GOLONG_SCORED};
    columns_.group_tasks = {0, 0};
    columns_.tasks = {"NDCG"};
  }
  std::vector<double> compute(const std::string& id, const Settings& settings = {}) {
    plugin_ = plugin_of(id == "compiled_once" ? abi_1_0_library() : bad_library("normalizers"), id, Kind::normalizer);
    return Normalizer(plugin_, settings).compute(columns_, metrics_);
  }

  Plugin plugin_{};
  Columns columns_;
  std::map<std::string, double> metrics_;
};

TEST_F(NormalizerTest, NamesTheResponseWithANaN) {
  EXPECT_THAT(error_message([&] { compute("bad_nan"); }),
              AllOf(HasSubstr("normalizer bad_nan"), HasSubstr("nan to response 1"), HasSubstr("task NDCG")));
}

TEST_F(NormalizerTest, WhatIsNotScoredGetsZeroWhateverThePluginWrote) {
  columns_.outcomes[1] = GOLONG_TIMEOUT;
  EXPECT_THAT(compute("bad_nan"), ElementsAre(1, 0, 0.25));
}

TEST_F(NormalizerTest, WrongCounts) {
  EXPECT_THAT(error_message([&] { compute("bad_too_few"); }), HasSubstr("to response 2"));
  EXPECT_THAT(error_message([&] { compute("bad_too_many"); }), HasSubstr("wrote more than the 3 advantages"));
}

TEST_F(NormalizerTest, AnExceptionBecomesAnError) {
  EXPECT_THAT(error_message([&] { compute("bad_throwing"); }),
              AllOf(HasSubstr("normalizer bad_throwing: compute failed"), HasSubstr("no such luck")));
}

TEST_F(NormalizerTest, MetricsAreFiniteAndNamedAsInFiles) {
  EXPECT_THAT(error_message([&] { compute("bad_metric"); }), HasSubstr("metric odd the value inf"));
  compute("counting");
  EXPECT_EQ(metrics_, (std::map<std::string, double>{{"steps_done_so_far-", 1}}));
}

TEST_F(NormalizerTest, StateGoesThroughACheckpoint) {
  plugin_ = plugin_of(bad_library("normalizers"), "counting", Kind::normalizer);
  Normalizer first(plugin_, {});
  first.compute(columns_, metrics_);
  first.compute(columns_, metrics_);
  EXPECT_EQ(first.save(), "2");
  Normalizer second(plugin_, {});
  second.load(first.save());
  second.compute(columns_, metrics_);
  EXPECT_EQ(second.save(), "3");
  EXPECT_THAT(error_message([&] { second.load("two"); }), HasSubstr("normalizer counting: load failed"));
}

TEST_F(NormalizerTest, AStateForOneThatKeepsNoneIsAnError) {
  plugin_ = plugin_of(bad_library("normalizers"), "bad_nan", Kind::normalizer);
  Normalizer normalizer(plugin_, {});
  EXPECT_EQ(normalizer.save(), "");
  normalizer.load("");
  EXPECT_THAT(error_message([&] { normalizer.load("2"); }), HasSubstr("keeps no state"));
}

TEST_F(NormalizerTest, AnEmptyBatch) {
  columns_ = {};
  EXPECT_TRUE(compute("counting").empty());
}

TEST_F(NormalizerTest, OneThatWasCompiledOnceStillWorks) {
  EXPECT_THAT(compute("compiled_once"), ElementsAre(0.5, 0, 0.125));
  EXPECT_THAT(compute("compiled_once", {{"by", {int64_t{4}, ""}}}), ElementsAre(4, 0, 1));
  EXPECT_EQ(metrics_["responses"], 3);
}

}  // namespace
}  // namespace golong::plugin

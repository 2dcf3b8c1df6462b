#include "core/parallel/agreement.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/unit/ranks.h"

namespace golong::parallel {
namespace {

std::string complaint(const World& world, const Facts& facts) {
  try {
    agree(world, facts);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Agreement, IsQuietWhereAllAreAlike) {
  on_ranks(3, [](World& world) {
    EXPECT_EQ(complaint(world, {}), "");
    EXPECT_EQ(complaint(world, {{"train.seed", "7"}, {"golong", "0.1.0"}}), "");
  });
}

TEST(Agreement, NamesRankFactAndBothValuesOnEveryRank) {
  on_ranks(3, [](World& world) {
    Facts facts{{"golong", "0.1.0"}, {"train.seed", "7"}, {"reward em", "1.0"}};
    if (world.rank().rank == 1) facts["train.seed"] = "8";
    if (world.rank().rank == 2) {
      facts.erase("reward em");
      facts["reward f1"] = "\"2.0\"\n";
    }
    EXPECT_EQ(complaint(world, facts),
              "the ranks of a job must be started alike, and differ in:\n"
              "  train.seed: rank 1 has 8, rank 0 has 7\n"
              "  reward em: rank 2 has nothing, rank 0 has 1.0\n"
              "  reward f1: rank 2 has \"2.0\"\n, rank 0 has nothing");
  });
}

TEST(Agreement, NamesTheFirstOfMany) {
  on_ranks(2, [](World& world) {
    Facts facts;
    for (int i = 0; i < 20; ++i) facts["key" + std::to_string(i)] = std::to_string(world.rank().rank);
    const std::string text = complaint(world, facts);
    EXPECT_NE(text.find("\n  key0: rank 1 has 1, rank 0 has 0\n"), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with("\n  and 12 more")) << text;
  });
}

}  // namespace
}  // namespace golong::parallel

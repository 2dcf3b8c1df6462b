#include "core/train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace golong {
namespace {

Schedule schedule(const char* decay) {
  return {.highest = 1.0, .lowest = 0.2, .warmup_steps = 4, .steps = 12, .decay = decay};
}

TEST(Schedule, WarmsUpLinearlyToTheHighestRate) {
  for (const char* decay : {"none", "linear", "cosine"}) {
    Schedule s = schedule(decay);
    for (int step = 0; step < 4; ++step) EXPECT_DOUBLE_EQ(s.at(step), 0.25 * (step + 1)) << decay;
    EXPECT_DOUBLE_EQ(s.at(4), 1.0) << decay;
  }
  Schedule none = schedule("none");
  none.warmup_steps = 0;
  EXPECT_DOUBLE_EQ(none.at(0), 1.0);
}

TEST(Schedule, FallsToTheLowestRateAndStaysThere) {
  EXPECT_DOUBLE_EQ(schedule("none").at(100), 1.0);
  EXPECT_DOUBLE_EQ(schedule("linear").at(8), 0.6);
  EXPECT_DOUBLE_EQ(schedule("linear").at(10), 0.4);
  EXPECT_DOUBLE_EQ(schedule("cosine").at(8), 0.6);
  EXPECT_DOUBLE_EQ(schedule("cosine").at(10), 0.2 + 0.8 * 0.5 * (1 - std::sqrt(0.5)));
  for (const char* decay : {"linear", "cosine"}) {
    EXPECT_DOUBLE_EQ(schedule(decay).at(12), 0.2) << decay;
    EXPECT_DOUBLE_EQ(schedule(decay).at(100), 0.2) << decay;
  }
}

// A run of which only the warm-up fits.
TEST(Schedule, AWarmUpAsLongAsTheRun) {
  Schedule s = schedule("cosine");
  s.steps = 4;
  EXPECT_DOUBLE_EQ(s.at(3), 1.0);
}

}  // namespace
}  // namespace golong

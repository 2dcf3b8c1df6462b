#include "core/parallel/fair_clock.h"

#include <gtest/gtest.h>

namespace golong::parallel {
namespace {

using std::chrono::milliseconds;

// A clock that stands where a test puts it.
struct Hand {
  using duration = std::chrono::milliseconds;
  using time_point = std::chrono::time_point<Hand, duration>;
  static time_point now() { return at; }
  static inline time_point at{};
};

TEST(FairClock, CountsLittleOfAPause) {
  FairClock<Hand> clock(milliseconds(100));
  const auto start = clock.now();
  for (int i = 0; i < 50; ++i) {
    Hand::at += milliseconds(i % 2 ? 100 : 20);
    clock.now();
  }
  EXPECT_EQ(clock.now() - start, milliseconds(50 * 60));  // all of it
  Hand::at += std::chrono::hours(1);
  EXPECT_EQ(clock.now() - start, milliseconds(50 * 60 + 100));
  EXPECT_EQ(clock.now() - start, milliseconds(50 * 60 + 100));
}

}  // namespace
}  // namespace golong::parallel

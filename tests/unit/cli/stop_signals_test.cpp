#include "core/cli/stop_signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace golong {
namespace {

// Runs in a child process: exits with 0 where the first signal only sets the flag, then sends a second one.
[[noreturn]] void two_signals(int first, int second) {
  StopSignals signals("saving and stopping");
  if (signals.stopped()) _exit(1);
  raise(first);
  if (!signals.stopped() || *signals.flag() != 1) _exit(2);
  raise(second);
  _exit(3);
}

TEST(StopSignalsDeathTest, TheSecondSignalEndsAtOnce) {
  const char notice[] = "golong: saving and stopping \\(press Ctrl-C again to stop at once\\)";
  EXPECT_EXIT(two_signals(SIGINT, SIGINT), ::testing::ExitedWithCode(130), notice);
  EXPECT_EXIT(two_signals(SIGTERM, SIGINT), ::testing::ExitedWithCode(130),
              "golong: somebody asked this process to end");
  EXPECT_EXIT(two_signals(SIGINT, SIGTERM), ::testing::ExitedWithCode(130), notice);
}

TEST(StopSignalsDeathTest, SignalsAreAsBeforeAfterwards) {
  EXPECT_EXIT(
      {
        { StopSignals signals("x"); }
        raise(SIGINT);
        _exit(0);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

TEST(StopSignals, TheFlagStartsAfresh) {
  {
    StopSignals signals("x");
    *signals.flag() = 1;
  }
  StopSignals signals("x");
  EXPECT_FALSE(signals.stopped());
}

}  // namespace
}  // namespace golong

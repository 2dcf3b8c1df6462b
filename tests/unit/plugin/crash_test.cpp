// What a crash says before it ends the program.
#include "core/plugin/crash.h"

#include <csignal>

#include "tests/unit/plugin/plugin_fixture.h"

namespace golong::plugin {
namespace {

// AddressSanitizer keeps the other signals for itself.
TEST(Crash, NamesTheInnermostPlugin) {
  const Plugin outer{Kind::task, "outer", "/a/outer.so", nullptr},
      inner{Kind::normalizer, "inner", "/a/inner.so", nullptr};
  const auto crash = [&](bool is_inside) {
    report_crashes();
    const Inside around(outer, "render");
    {
      const Inside inside(inner, "compute");
      if (is_inside) std::abort();
    }
    std::abort();
  };
  EXPECT_EXIT(crash(true), testing::KilledBySignal(SIGABRT),
              "^golong: SIGABRT inside compute\\(\\) of normalizer inner \\(/a/inner.so\\)\n$");
  EXPECT_EXIT(crash(false), testing::KilledBySignal(SIGABRT),
              "^golong: SIGABRT inside render\\(\\) of task outer \\(/a/outer.so\\)\n$");
}

TEST(Crash, OutsideOfPluginsSaysNothing) {
  const auto crash = [] {
    report_crashes();
    std::abort();
  };
  EXPECT_EXIT(crash(), testing::KilledBySignal(SIGABRT), "^$");
}

TEST(Crash, SignalsThatAreHandledStayAsTheyAre) {
  const auto crash = [] {
    std::signal(SIGABRT, [](int) { std::_Exit(3); });
    report_crashes();
    std::abort();
  };
  EXPECT_EXIT(crash(), testing::ExitedWithCode(3), "^$");
}

}  // namespace
}  // namespace golong::plugin

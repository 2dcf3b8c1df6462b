// The conformance checks find what they are for, and find nothing in libraries that are fine.
#include "core/plugin/check.h"

#include <unistd.h>

#include <csignal>
#include <map>

#include "tests/unit/plugin/plugin_fixture.h"

namespace golong::plugin {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

// Problems by "plugin: check"; only those that there are.
std::map<std::string, std::string> problems_of(const std::filesystem::path& library, size_t& checks) {
  std::map<std::string, std::string> problems;
  checks = 0;
  check_library(library, [&](const CheckResult& result) {
    ++checks;
    if (!result.problem.empty()) problems[result.plugin + ": " + result.name] = result.problem;
  });
  return problems;
}

TEST(RunIsolated, TellsHowACheckEnded) {
  EXPECT_EQ(run_isolated([] {}, 20s), "");
  EXPECT_EQ(run_isolated([] { fail("three", " things"); }, 20s), "three things");
  EXPECT_EQ(run_isolated([] { throw 3; }, 20s), "an exception crossed the interface");
  EXPECT_EQ(run_isolated([] { ::raise(SIGKILL); }, 20s), "it crashed: Killed");
  EXPECT_EQ(run_isolated([] { ::_exit(3); }, 20s), "it ended the process");
  EXPECT_THAT(run_isolated([] { ::pause(); }, 50ms), HasSubstr("it did not end within 0.05"));
}

TEST(Check, LibrariesThatAreFine) {
  size_t checks = 0;
  for (const auto& library : {bad_library("nothing"), abi_1_0_library()}) {
    auto problems = problems_of(library, checks);
    for (const auto& [check, problem] : problems) ADD_FAILURE() << library << ": " << check << ": " << problem;
    EXPECT_GE(checks, 7u);
  }
  for (const char* id : {"grpo", "dr_grpo", "tmn_reweight", "task_batch"}) {
    auto library =
        std::filesystem::path(GOLONG_BINARY_DIR) / "lib/golong/plugins/normalizers" / (id + std::string(".so"));
    EXPECT_THAT(problems_of(library, checks), testing::IsEmpty()) << library;
  }
}

TEST(Check, ALibraryThatCannotBeLoadedIsOneProblem) {
  size_t checks = 0;
  auto problems = problems_of(bad_library("abi_major"), checks);
  EXPECT_EQ(checks, 1u);
  EXPECT_THAT(problems.begin()->second, HasSubstr("needs plugin interface 2.0"));
}

TEST(Check, FindsExceptionsThatCross) {
  size_t checks = 0;
  auto problems = problems_of(bad_library("across"), checks);
  EXPECT_THAT(problems.at("reward bad_across: what was prepared is released"), HasSubstr("from prepare"));
  EXPECT_THAT(problems.at("reward bad_across: any gold and response gives a finite score or a reason"),
              HasSubstr("status 77"));
}

TEST(Check, FindsBadAdvantages) {
  size_t checks = 0;
  auto problems = problems_of(bad_library("normalizers"), checks);
  EXPECT_THAT(problems.at("normalizer bad_too_many: any batch gives finite advantages, one for each response"),
              HasSubstr("wrote more than"));
  EXPECT_EQ(problems.count("normalizer counting: it goes on from its saved state"), 0u);
}

}  // namespace
}  // namespace golong::plugin

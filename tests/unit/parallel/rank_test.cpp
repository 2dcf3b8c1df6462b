#include "core/parallel/rank.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "core/base/error.h"
#include "tests/unit/error_message.h"

namespace golong::parallel {
namespace {

class RankTest : public ::testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static Rank with(const std::map<std::string, std::string>& variables) {
    clear();
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    return rank_from_environment();
  }

 private:
  static void clear() {
    for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
                             "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_STEP_NODELIST", "SLURM_JOB_ID",
                             "GOLONG_RESTART", "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_USE_AGENT_STORE"}) {
      ::unsetenv(name);
    }
  }
};

TEST_F(RankTest, IsAloneWithoutAnyVariable) { EXPECT_TRUE(with({}).alone()); }

TEST_F(RankTest, ReadsTorchrun) {
  const Rank rank = with({{"RANK", "5"},
                          {"WORLD_SIZE", "8"},
                          {"LOCAL_RANK", "1"},
                          {"MASTER_ADDR", "node1"},
                          {"MASTER_PORT", "29500"},
                          {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                          {"TORCHELASTIC_RESTART_COUNT", "2"}});
  EXPECT_EQ(rank.rank, 5);
  EXPECT_EQ(rank.size, 8);
  EXPECT_EQ(rank.local_rank, 1);
  EXPECT_EQ(rank.host, "node1");
  EXPECT_EQ(rank.port, 29500);
  EXPECT_EQ(rank.restart, 2);
  EXPECT_TRUE(rank.store_is_there);
}

TEST_F(RankTest, ReadsSlurm) {
  const Rank rank = with({{"SLURM_PROCID", "3"},
                          {"SLURM_NTASKS", "4"},
                          {"SLURM_LOCALID", "1"},
                          {"SLURM_STEP_NODELIST", "gpu[07-08]"},
                          {"SLURM_JOB_ID", "1234567"}});
  EXPECT_EQ(rank.rank, 3);
  EXPECT_EQ(rank.local_rank, 1);
  EXPECT_EQ(rank.host, "gpu07");
  EXPECT_EQ(rank.port, 20000 + 1234567 % 20000);
}

TEST_F(RankTest, SaysWhatIsMissingOrWrong) {
  EXPECT_THAT(error_message([] {
                return with({{"WORLD_SIZE", "2"}});
              }),
              ::testing::HasSubstr("has WORLD_SIZE but no RANK"));
  EXPECT_THAT(error_message([] {
                with({{"WORLD_SIZE", "2"}, {"RANK", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}});
              }),
              ::testing::HasSubstr("rank 2 of 2"));
  EXPECT_THAT(error_message([] {
                with({{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "x"}});
              }),
              ::testing::HasSubstr("MASTER_PORT=\"x\""));
}

TEST(FirstHost, OfSlurmsLists) {
  EXPECT_EQ(first_host("login"), "login");
  EXPECT_EQ(first_host("a,b"), "a");
  EXPECT_EQ(first_host("node[003-006,9],login"), "node003");
  EXPECT_EQ(first_host("gpu[7]-ib,b"), "gpu7-ib");
}

}  // namespace
}  // namespace golong::parallel

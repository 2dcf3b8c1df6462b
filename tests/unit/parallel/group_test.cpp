#include "core/parallel/group.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <csignal>
#include "core/base/error.h"
#include "tests/unit/ranks.h"

namespace golong::parallel {
namespace {

Group everyone(World& world) {
  std::vector<int64_t> ranks;
  for (int64_t r = 0; r < world.rank().size; ++r) ranks.push_back(r);
  return world.group(ranks, "ranks of the test");
}

TEST(Group, SumsAndGathersInTheOrderOfRanks) {
  on_ranks(3, [](World& world) {
    const Group group = everyone(world);
    const auto rank = static_cast<double>(group.rank());
    at::Tensor x = at::full({4}, rank + 1);
    group.sum(x);
    EXPECT_TRUE(x.equal(at::full({4}, 6.0)));
    for (const auto dtype : {at::kFloat, at::kBFloat16, at::kLong}) {
      const at::Tensor mine = at::full({2}, rank, dtype), all = at::empty({6}, mine.options());
      group.gather(all, mine);
      EXPECT_TRUE(all.equal(at::tensor({0, 0, 1, 1, 2, 2}).to(dtype)));
    }
    const at::Tensor parts = at::arange(6, at::kFloat) + rank, mine = at::empty({2});
    group.sum_parts(mine, parts);
    EXPECT_TRUE(mine.equal((at::arange(2, at::kFloat) + 2 * rank) * 3 + 3));
    at::Tensor told = at::full({3}, rank, at::kBFloat16);
    group.broadcast(told, 2);
    EXPECT_TRUE(told.equal(at::full({3}, 2, at::kBFloat16)));
  });
}

TEST(Group, ExchangesRowsOfAnyNumberAndType) {
  on_ranks(3, [](World& world) {
    const Group group = everyone(world);
    const int64_t rank = group.rank();
    // Rank r sends r + d rows to rank d; none where both are 0.
    std::vector<int64_t> send, receive;
    std::vector<at::Tensor> rows;
    for (int64_t d = 0; d < 3; ++d) {
      send.push_back(rank + d);
      receive.push_back(d + rank);
      rows.push_back(at::full({rank + d, 5}, 10 * rank + d, at::kBFloat16));
    }
    const at::Tensor came = group.exchange(at::cat(rows), send, receive);
    std::vector<at::Tensor> expected;
    for (int64_t s = 0; s < 3; ++s) expected.push_back(at::full({s + rank, 5}, 10 * s + rank, at::kBFloat16));
    EXPECT_TRUE(came.equal(at::cat(expected)));
  });
}

TEST(Group, GathersTextsOfAnyLength) {
  on_ranks(3, [](World& world) {
    const std::string mine(static_cast<size_t>(world.rank().rank) * 1000, 'a');
    const std::vector<std::string> all = world.all().gather(mine);
    ASSERT_EQ(all.size(), 3u);
    for (size_t r = 0; r < 3; ++r) EXPECT_EQ(all[r], std::string(r * 1000, 'a'));
    EXPECT_EQ(world.all().gather(std::string()), std::vector<std::string>(3));
  });
}

TEST(Group, CountsWhatItSends) {
  on_ranks(2, [](World& world) {
    const Group group = everyone(world);
    group.sum(at::zeros({1000}));  // 4,000 bytes, two passes over half of them
    EXPECT_EQ(world.traffic().bytes_sent, 4000);
    group.gather(at::empty({2000}), at::zeros({1000}));
    EXPECT_EQ(world.traffic().bytes_sent, 8000);
    group.sum_parts(at::empty({500}), at::zeros({1000}));
    EXPECT_EQ(world.traffic().bytes_sent, 10000);
    group.exchange(at::zeros({3, 10}), {1, 2},
                   group.rank() == 0 ? std::vector<int64_t>{1, 1} : std::vector<int64_t>{2, 2});
    EXPECT_EQ(world.traffic().bytes_sent, 10000 + (group.rank() == 0 ? 80 : 40));
  });
}

TEST(Group, OfOneSendsNothing) {
  const Group alone;
  EXPECT_EQ(alone.size(), 1);
  at::Tensor x = at::arange(4, at::kFloat), all = at::empty({4});
  alone.sum(x);
  alone.gather(all, x);
  EXPECT_TRUE(all.equal(at::arange(4, at::kFloat)));
  EXPECT_TRUE(alone.exchange(x, {4}, {4}).equal(x));
  EXPECT_EQ(alone.gather("text"), std::vector<std::string>{"text"});
}

TEST(World, SaysWhoLeftTheOthers) {
  on_ranks(2, [](World& world) {
    const Group group = everyone(world);
    group.barrier();  // both have met
    if (world.rank().rank == 1) ::_exit(0);
    try {
      group.sum(at::zeros({10}));
      ADD_FAILURE() << "rank 0 did not notice";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("rank 0 of the 2 ranks of the test: sum failed"), std::string::npos)
          << error.what();
    }
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  });
}

// A write to a rank that is gone is an error, not the end of the one that writes; a handler of the program stays.
TEST(World, IgnoresSigpipeWhereNobodyHandlesIt) {
  const auto handler = [] {
    struct sigaction action {};
    EXPECT_EQ(::sigaction(SIGPIPE, nullptr, &action), 0);
    return action.sa_handler;
  };
  on_ranks(2, [&](World&) { EXPECT_EQ(handler(), SIG_IGN); });
  void (*own)(int) = [](int) {};
  for (const pid_t child : fork_ranks(2, [&](const WorldOptions& options) {
         std::signal(SIGPIPE, own);
         const auto world = World::open(options);
         world->all().barrier();
         return handler() == own ? 0 : 1;
       })) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(handler(), SIG_DFL);
  World::open({.rank = {}});  // one rank
  EXPECT_EQ(handler(), SIG_DFL);
}

TEST(World, NotesAreSeenByAll) {
  on_ranks(2, [](World& world) {
    Notes& notes = world.notes();
    EXPECT_FALSE(notes.find("unknown").has_value());
    if (world.rank().rank == 0) notes.set("greeting", "hello");
    EXPECT_EQ(notes.wait("greeting", std::chrono::seconds(30)), "hello");
    notes.add("count", 3);
    world.all().barrier();
    EXPECT_EQ(notes.add("count", 0), 6);
  });
}

}  // namespace
}  // namespace golong::parallel

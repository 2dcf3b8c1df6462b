#include "core/parallel/watch.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "core/base/file.h"
#include "core/parallel/rank_note.h"
#include "tests/unit/ranks.h"

namespace golong::parallel {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Body = std::function<void(World&, Watch&)>;

constexpr int status_killed = -SIGKILL;

struct Ended {
  int status = 0;  // of the process; -9 where signal 9 ended it
  std::string errors;
};

struct Times {
  milliseconds timeout{60000}, silence{60000}, grace{10000};
};

std::filesystem::path errors_of(size_t rank) {
  return std::filesystem::path(testing::TempDir()) / ("errors-" + std::to_string(rank));
}

// A rank as the command runs it: errors to stderr, their exit statuses.
int watched_rank(WorldOptions options, const Body& body, const Times& times) {
  const int errors =
      ::open(errors_of(static_cast<size_t>(options.rank.rank)).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(errors, STDERR_FILENO);
  options.timeout = times.timeout;
  try {
    const auto world = World::open(options);
    Watch watch(*world, {.silence = times.silence, .grace = times.grace});
    watch.guard([&] { body(*world, watch); });
    return 0;
  } catch (const OtherRankFailed& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return status_other_rank_failed;
  } catch (const RankFailed& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return status_rank_failed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

// By rank. Those that stand still are killed when all others have ended.
std::vector<Ended> ends_of(int64_t size, const Times& times, const Body& body) {
  const std::vector<pid_t> children =
      fork_ranks(size, [&](const WorldOptions& options) { return watched_rank(options, body, times); });
  std::map<pid_t, int> ended;
  std::vector<pid_t> stopped;
  while (ended.size() + stopped.size() < children.size()) {
    int status = 0;
    const pid_t child = ::waitpid(-1, &status, WUNTRACED);
    if (WIFSTOPPED(status)) {
      stopped.push_back(child);
    } else {
      ended[child] = status;
    }
  }
  for (const pid_t child : stopped) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &ended[child], 0);
  }
  std::vector<Ended> all;
  for (size_t rank = 0; rank < children.size(); ++rank) {
    const int status = ended[children[rank]];
    all.push_back({WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), read_file(errors_of(rank))});
  }
  return all;
}

[[noreturn]] void never_come() {
  while (true) ::pause();
}

TEST(Watch, ARankThatStandsStillIsNamed) {
  const auto ends = ends_of(3, {.silence = milliseconds(1000)}, [](World& world, Watch&) {
    world.all().barrier();
    if (world.rank().rank == 1) ::raise(SIGSTOP);
    world.all().barrier();
  });
  EXPECT_EQ(ends[1].status, status_killed);
  for (const size_t rank : {0, 2}) {
    EXPECT_EQ(ends[rank].status, status_other_rank_failed);
    EXPECT_THAT(ends[rank].errors, HasSubstr("rank 1 has given no sign of life for 1 s (parallel.heartbeat_seconds)"));
    EXPECT_THAT(ends[rank].errors, HasSubstr("rank 1 was last in barrier "));  // as it last said
  }
}

TEST(Watch, RankZeroThatStandsStillIsNamed) {
  const auto ends = ends_of(3, {.silence = milliseconds(1000)}, [](World& world, Watch&) {
    if (world.is_first()) ::raise(SIGSTOP);
    world.all().barrier();
  });
  EXPECT_EQ(ends[0].status, status_killed);
  for (const size_t rank : {1, 2}) {
    EXPECT_EQ(ends[rank].status, status_other_rank_failed);
    EXPECT_THAT(ends[rank].errors, HasSubstr("rank 0, which keeps the notes of all ranks, has not answered for 1 s"));
  }
}

TEST(Watch, ErrorsAreToldToTheOthers) {
  for (const bool training : {false, true}) {
    for (const int64_t bad : {0, 2}) {
      const auto ends = ends_of(3, {}, [&](World& world, Watch& watch) {
        if (training) watch.training_begins();
        if (world.rank().rank == bad) fail("no room on the disk");
        world.all().barrier();
      });
      for (int64_t rank = 0; rank < 3; ++rank) {
        const Ended& end = ends[static_cast<size_t>(rank)];
        if (rank == bad) {
          EXPECT_EQ(end.status, training ? status_rank_failed : 1);
          EXPECT_EQ(end.errors, "no room on the disk\n");
        } else {
          EXPECT_EQ(end.status, status_other_rank_failed);
          EXPECT_THAT(end.errors, HasSubstr("rank " + std::to_string(rank) + " of the 3 ranks: barrier failed: rank " +
                                            std::to_string(bad) + " failed: no room on the disk"));
        }
      }
    }
  }
}

TEST(Watch, WhoDoesNotComeToHearOfAnErrorIsEnded) {
  const auto ends = ends_of(2, {.grace = milliseconds(300)}, [](World& world, Watch&) {
    if (world.is_first()) fail("no room on the disk");
    never_come();
  });
  EXPECT_EQ(ends[0].status, 1);
  EXPECT_EQ(ends[1].status, status_other_rank_failed);
  EXPECT_THAT(ends[1].errors, HasSubstr("golong: rank 1 of 2 is ended: rank 0 failed: no room on the disk"));
}

TEST(Watch, ARankThatEndsWithoutAWordIsNamed) {
  const auto ends = ends_of(3, {.grace = milliseconds(2000)}, [](World& world, Watch&) {
    if (world.rank().rank == 1) ::_exit(7);
    world.all().barrier();
  });
  EXPECT_EQ(ends[1].status, 7);
  for (const size_t rank : {0, 2}) {
    EXPECT_EQ(ends[rank].status, status_other_rank_failed);
    EXPECT_THAT(ends[rank].errors, HasSubstr("rank 1 has given no sign of life since and must be dead"));
  }
}

TEST(Watch, RankZeroThatEndsWithoutAWordIsNamed) {
  const auto ends = ends_of(3, {.grace = milliseconds(500)}, [](World& world, Watch&) {
    if (world.is_first()) ::_exit(7);
    if (world.rank().rank == 2) never_come();
    world.all().barrier();
  });
  EXPECT_EQ(ends[0].status, 7);
  for (const size_t rank : {1, 2}) {
    EXPECT_EQ(ends[rank].status, status_other_rank_failed);
    EXPECT_THAT(ends[rank].errors, HasSubstr("rank 0 is gone"));
  }
}

TEST(Watch, ARankThatNeverComesIsNamedWithWhereItIs) {
  const Times times{.timeout = milliseconds(4000), .silence = milliseconds(2000), .grace = milliseconds(2000)};
  const auto ends = ends_of(3, times, [](World& world, Watch&) {
    const Group pair =
        world.rank().rank == 0 ? world.group({0}, "ranks of the test") : world.group({1, 2}, "ranks of the test");
    const at::Tensor x = at::ones({3});
    for (int i = 0; i < 2; ++i) pair.sum(x);
    if (world.rank().rank == 1) never_come();
    world.all().barrier();
  });
  for (const size_t rank : {0, 2}) {
    EXPECT_EQ(ends[rank].status, status_other_rank_failed);
    EXPECT_THAT(ends[rank].errors, HasSubstr("rank 1 has not come to it (parallel.timeout_seconds); "
                                             "rank 1 was last in sum 2 of the ranks of the test"));
  }
  EXPECT_EQ(ends[1].status, status_other_rank_failed);
  EXPECT_THAT(ends[1].errors, HasSubstr("rank 1 of 3 is ended: rank 0 stopped: "));
}

TEST(Watch, ARankThatLeavesEarlyIsNamed) {
  const auto ends = ends_of(2, {.grace = milliseconds(2000)}, [](World& world, Watch&) {
    if (!world.is_first()) return;
    world.all().barrier();
  });
  EXPECT_EQ(ends[0].status, status_other_rank_failed);
  EXPECT_THAT(ends[0].errors, HasSubstr("rank 1 has ended before"));
  EXPECT_EQ(ends[1].status, 0);
}

TEST(Watch, AMachineThatStoodStillIsNotTakenForRanksThatDid) {
  constexpr milliseconds silence(4000);
  std::array<int, 2> ready{}, go{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  ASSERT_EQ(::pipe(go.data()), 0);
  const std::vector<pid_t> children = fork_ranks(3, [&](const WorldOptions& options) {
    ::close(go[1]);
    const Body body = [&](World& world, Watch&) {
      world.all().barrier();
      char byte = 0;
      if (::write(ready[1], &byte, 1) != 1 || ::read(go[0], &byte, 1) != 0) fail("the test is gone");
      const auto end = std::chrono::steady_clock::now() + silence / 2;
      for (char more = 1; more != 0;) {  // as rank 0 sees it
        more = std::chrono::steady_clock::now() < end;
        more = world.all().gather(std::string(1, more))[0][0];
      }
    };
    return watched_rank(options, body, {.silence = silence});
  });
  ::close(ready[1]);  // so that reading ends where a rank does
  char bytes[3] = {};
  size_t there = 0;
  for (ssize_t count = 1; there < 3 && count > 0;) there += static_cast<size_t>(count = ::read(ready[0], bytes, 1));
  for (const pid_t child : children) ::kill(child, SIGSTOP);
  std::this_thread::sleep_for(3 * silence / 2);  // this is what happens to them, not a wait for something
  for (const pid_t child : children) ::kill(child, SIGCONT);
  for (const int end : {ready[0], go[0], go[1]}) ::close(end);
  for (size_t rank = 0; rank < children.size(); ++rank) {
    int status = 0;
    ASSERT_EQ(::waitpid(children[rank], &status, 0), children[rank]);
    EXPECT_EQ(status, 0) << read_file(errors_of(rank));
  }
  EXPECT_EQ(there, 3u);
}

TEST(Watch, RankZeroKeepsTheNotesUntilAllHaveLeft) {
  const auto ends = ends_of(3, {}, [](World& world, Watch&) {
    if (world.is_first()) return;
    Notes& notes = world.notes();
    while (note_of(*notes.find("alive/0")).state != RankState::left) {
    }
    notes.set("after rank 0 has left", "");
  });
  for (const Ended& end : ends) EXPECT_EQ(end.status, 0) << end.errors;
}

TEST(Watch, OneRankIsNotWatched) {
  WorldOptions options;
  options.rank = Rank{};
  const auto world = World::open(options);
  Watch watch(*world, {});
  watch.training_begins();
  EXPECT_EQ(watch.guard([] { return 3; }), 3);
  EXPECT_THROW(watch.guard([]() -> int { throw std::length_error("x"); }), std::length_error);
}

// Ranks 2 and 3 of four do not come; 3 keeps the store, as torchrun does. Rank 0 asks again, with more patience each
// time, until rank 1 is there, however slow the machine is.
TEST(World, NamesRanksThatDoNotCome) {
  const auto end = [](WorldOptions options) {
    options.rank.store_is_there = true;
    if (options.rank.rank == 3) {
      c10d::TCPStoreOptions at;
      at.port = static_cast<uint16_t>(options.rank.port);
      at.isServer = true;
      at.waitWorkers = false;
      const c10d::TCPStore store(options.rank.host, at);
      never_come();
    }
    if (options.rank.rank != 0) {
      if (options.rank.rank == 1) World::open(options);
      return 1;  // it is killed where it waits
    }
    const milliseconds most = options.timeout;
    std::string words;
    for (options.timeout = milliseconds(500); options.timeout < most; options.timeout *= 2) {
      try {
        World::open(options);
        return 1;
      } catch (const OtherRankFailed& error) {
        words = error.what();
        if (words.ends_with(" s: 2, 3") && words.find("these ranks did not come within ") != std::string::npos)
          return 0;
      }
    }
    std::fprintf(stderr, "%s\n", words.c_str());
    return 2;
  };
  const std::vector<pid_t> children = fork_ranks(4, end);
  int status = 0;
  ASSERT_EQ(::waitpid(children[0], &status, 0), children[0]);
  EXPECT_EQ(status, 0);
  for (size_t rank = 1; rank < children.size(); ++rank) {
    ::kill(children[rank], SIGKILL);
    ASSERT_EQ(::waitpid(children[rank], &status, 0), children[rank]);
  }
}

TEST(RankNote, IsReadAsItWasWritten) {
  const RankNote note{7, RankState::failed, "a \"message\"\nof two lines", {{3, "sum"}, {0, ""}}, 1};
  const RankNote read = note_of(to_text(note));
  EXPECT_EQ(read.beat, note.beat);
  EXPECT_EQ(read.state, note.state);
  EXPECT_EQ(read.message, note.message);
  ASSERT_EQ(read.groups.size(), 2u);
  EXPECT_EQ(read.groups[0].begun, 3);
  EXPECT_EQ(read.groups[0].newest, "sum");
  EXPECT_EQ(read.newest_group, 1u);
}

}  // namespace
}  // namespace golong::parallel

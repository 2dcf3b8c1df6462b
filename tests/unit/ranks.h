// Runs a test on several ranks: processes that are forked from this one, and meet over Gloo.
#pragma once
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "core/base/line_connection.h"
#include "core/parallel/world.h"

namespace golong::parallel {

// Forks a process for each of `size` ranks: with one thread, it calls the function and exits with what it returns. This
// process must not have used LibTorch's threads before: a test program that calls it does nothing else with tensors.
inline std::vector<pid_t> fork_ranks(int64_t size, const std::function<int(const WorldOptions&)>& function) {
  const int64_t port = free_port();
  std::fflush(nullptr);
  std::vector<pid_t> children;
  for (int64_t rank = 0; rank < size; ++rank) {
    const pid_t child = ::fork();
    if (child > 0) {
      children.push_back(child);
      continue;
    }
    at::set_num_threads(1);
    // LibTorch asks for the name of each address that it connects to: a name server may not answer, and is no part of
    // a test.
    ::setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);
    WorldOptions options;
    options.rank = Rank{};
    options.rank.rank = options.rank.local_rank = rank;
    options.rank.size = size;
    options.rank.host = "127.0.0.1";
    options.rank.port = port;
    options.timeout = std::chrono::seconds(60);
    const int status = function(options);
    std::fflush(nullptr);
    ::_exit(status);
  }
  return children;
}

// The function runs in each of `size` processes; what fails there fails here.
inline void on_ranks(int64_t size, const std::function<void(World&)>& function) {
  const std::vector<pid_t> children = fork_ranks(size, [&](const WorldOptions& options) {
    try {
      const auto world = World::open(options);
      function(*world);
      world->all().barrier();  // rank 0 keeps the store
    } catch (const std::exception& error) {
      ADD_FAILURE() << "rank " << options.rank.rank << ": " << error.what();
    }
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  ASSERT_EQ(children.size(), static_cast<size_t>(size));
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "a rank failed; its message stands above";
  }
}

}  // namespace golong::parallel

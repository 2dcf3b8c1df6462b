// Runs a test on several ranks: processes that are forked from this one, and meet over Gloo.
#pragma once
#include <ATen/Parallel.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <vector>

#include "core/parallel/world.h"

namespace golong::parallel {

// A port that nobody listens at.
inline int64_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

// The function runs in each of `size` processes with one thread; what fails there fails here. This process must not
// have used LibTorch's threads before: a test program that calls it does nothing else with tensors.
inline void on_ranks(int64_t size, const std::function<void(World&)>& function) {
  const int64_t port = free_port();
  std::fflush(nullptr);
  std::vector<pid_t> children;
  for (int64_t rank = 0; rank < size; ++rank) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child > 0) {
      children.push_back(child);
      continue;
    }
    at::set_num_threads(1);
    try {
      Rank mine;
      mine.rank = mine.local_rank = rank;
      mine.size = size;
      mine.host = "127.0.0.1";
      mine.port = port;
      WorldOptions options;
      options.rank = mine;
      options.timeout = std::chrono::seconds(60);
      const auto world = World::open(options);
      function(*world);
      world->all().barrier();  // rank 0 keeps the store
    } catch (const std::exception& error) {
      ADD_FAILURE() << "rank " << rank << ": " << error.what();
    }
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "a rank failed; its message stands above";
  }
}

}  // namespace golong::parallel

#include "core/base/line_connection.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "core/base/error.h"

namespace golong {
namespace {

void wait_for(int socket) {
  pollfd file{socket, POLLIN, 0};
  ASSERT_EQ(::poll(&file, 1, 10000), 1);
}

TEST(HostPort, IsParsed) {
  EXPECT_EQ(parse_host_port("node0:29400").host, "node0");
  EXPECT_EQ(parse_host_port("node0:29400").port, 29400);
  EXPECT_EQ(parse_host_port("[fe80::1]:1").host, "fe80::1");
  for (const char* bad : {"", "node0", ":1", "node0:", "node0:0", "node0:65536", "node0:1x"}) {
    EXPECT_THROW(parse_host_port(bad), Error) << bad;
  }
}

TEST(LineConnection, CarriesLinesBothWaysAndTellsItsEnd) {
  const int64_t port = free_port();
  LineListener listener(port);
  EXPECT_EQ(listener.accept(), nullptr);
  std::string why;
  auto there = LineConnection::open({"127.0.0.1", port}, std::chrono::seconds(5), why);
  ASSERT_TRUE(there) << why;
  wait_for(listener.socket());
  const auto here = listener.accept();
  ASSERT_TRUE(here);
  const std::string longer(100000, 'x');
  there->send("one");
  there->send(longer);
  std::vector<std::string> lines;
  while (lines.size() < 2) {
    wait_for(here->socket());
    for (const std::string& line : here->receive()) lines.push_back(line);
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"one", longer}));
  here->send("two");
  wait_for(there->socket());
  EXPECT_EQ(there->receive(), std::vector<std::string>{"two"});
  there.reset();
  wait_for(here->socket());
  EXPECT_TRUE(here->receive().empty());
  EXPECT_TRUE(here->closed());
  here->send("lost");  // no error, no signal
}

TEST(LineConnection, SaysWhyNobodyAnswers) {
  std::string why;
  EXPECT_EQ(LineConnection::open({"127.0.0.1", free_port()}, std::chrono::seconds(5), why), nullptr);
  EXPECT_EQ(why, "Connection refused");
}

TEST(LineListener, SaysThatAPortIsTaken) {
  const int64_t port = free_port();
  const LineListener listener(port);
  EXPECT_THROW(LineListener second(port), Error);
}

}  // namespace
}  // namespace golong

// Lines of text between two machines, over TCP.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace golong {

struct HostPort {
  std::string host;
  int64_t port = 0;
};

// "node0:29500", "[fe80::1]:29500". Throws Error with what was expected.
HostPort parse_host_port(const std::string& text);

// A port of this machine that nobody listens at, as the system chooses it.
int64_t free_port();

// Not thread-safe.
class LineConnection {
 public:
  explicit LineConnection(int socket);  // owned
  // nullptr where nobody answers within the time; `why` says what the system said then.
  static std::unique_ptr<LineConnection> open(const HostPort& at, std::chrono::seconds longest, std::string& why);
  ~LineConnection();
  LineConnection(const LineConnection&) = delete;
  LineConnection& operator=(const LineConnection&) = delete;

  int socket() const { return socket_; }   // readable when there is something to receive
  void send(const std::string& line);      // lost where the connection is
  std::vector<std::string> receive();      // the lines that have come, without waiting
  bool closed() const { return closed_; }  // by the other side, or because its machine answers no more; see receive()

 private:
  int socket_;
  bool closed_ = false;
  std::string begun_;
};

// Where others connect to.
class LineListener {
 public:
  explicit LineListener(int64_t port);  // of all addresses of this machine. Throws Error with the system's reason
  ~LineListener();
  LineListener(const LineListener&) = delete;
  LineListener& operator=(const LineListener&) = delete;

  int socket() const { return socket_; }     // readable when somebody waits
  std::unique_ptr<LineConnection> accept();  // nullptr where nobody does

 private:
  int socket_;
};

}  // namespace golong

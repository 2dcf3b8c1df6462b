#include "core/base/line_connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/base/error.h"

namespace golong {
namespace {

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Addresses addresses_of(const HostPort& at, std::string& why) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const int problem = ::getaddrinfo(at.host.c_str(), std::to_string(at.port).c_str(), &hints, &found);
  if (problem != 0) why = ::gai_strerror(problem);
  return {problem == 0 ? found : nullptr, [](addrinfo* list) {
            if (list) ::freeaddrinfo(list);
          }};
}

void set(int socket, int level, int option, int value) { ::setsockopt(socket, level, option, &value, sizeof value); }

// A machine that is gone without a word is noticed after half a minute.
void notice_silence(int socket) {
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 30000);
}

// A socket that takes IPv6 and IPv4, or IPv4 alone where the machine has no IPv6; bound to a port, 0: any.
int bound_socket(int64_t port) {
  const int six = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (six >= 0) {
    set(six, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    set(six, SOL_SOCKET, SO_REUSEADDR, 1);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_any;
    address.sin6_port = htons(static_cast<uint16_t>(port));
    if (::bind(six, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return six;
    const int reason = errno;
    ::close(six);
    if (reason != EADDRNOTAVAIL) fail("cannot listen at port ", port, ": ", std::strerror(reason));
  }
  const int four = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (four < 0) fail("cannot make a socket: ", std::strerror(errno));
  set(four, SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (::bind(four, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return four;
  const int reason = errno;
  ::close(four);
  fail("cannot listen at port ", port, ": ", std::strerror(reason));
}

}  // namespace

HostPort parse_host_port(const std::string& text) {
  const size_t colon = text.rfind(':');
  HostPort at;
  if (colon != std::string::npos) {
    const char *first = text.data() + colon + 1, *last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, at.port);
    at.host = text.substr(0, colon);
    if (at.host.starts_with('[') && at.host.ends_with(']')) at.host = at.host.substr(1, at.host.size() - 2);
    if (error == std::errc() && end == last && at.port >= 1 && at.port <= 65535 && !at.host.empty()) return at;
  }
  fail("\"", text, "\" is no address; expected HOST:PORT with a port from 1 to 65535, such as node0:29400");
}

int64_t free_port() {
  const int socket = bound_socket(0);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(socket);
  const auto* six = reinterpret_cast<const sockaddr_in6*>(&address);
  const auto* four = reinterpret_cast<const sockaddr_in*>(&address);
  return ntohs(address.ss_family == AF_INET6 ? six->sin6_port : four->sin_port);
}

LineConnection::LineConnection(int socket) : socket_(socket) { notice_silence(socket_); }

LineConnection::~LineConnection() { ::close(socket_); }

std::unique_ptr<LineConnection> LineConnection::open(const HostPort& at, std::chrono::seconds longest,
                                                     std::string& why) {
  const Addresses addresses = addresses_of(at, why);
  for (const addrinfo* a = addresses.get(); a; a = a->ai_next) {
    const int socket = ::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (socket < 0) continue;
    const timeval limit{longest.count(), 0};
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);  // connect() keeps to it, too
    if (::connect(socket, a->ai_addr, a->ai_addrlen) == 0) return std::make_unique<LineConnection>(socket);
    why = errno == EINPROGRESS ? "no answer" : std::strerror(errno);
    ::close(socket);
  }
  return nullptr;
}

void LineConnection::send(const std::string& line) {
  const std::string text = line + "\n";
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count = ::send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;  // receive() finds it closed
    sent += static_cast<size_t>(count);
  }
}

std::vector<std::string> LineConnection::receive() {
  char piece[4096];
  while (!closed_) {
    const ssize_t count = ::recv(socket_, piece, sizeof piece, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    closed_ = count <= 0;
    if (count > 0) begun_.append(piece, static_cast<size_t>(count));
  }
  std::vector<std::string> lines;
  size_t start = 0;
  for (size_t end; (end = begun_.find('\n', start)) != std::string::npos; start = end + 1) {
    lines.push_back(begun_.substr(start, end - start));
  }
  begun_.erase(0, start);
  return lines;
}

LineListener::LineListener(int64_t port) : socket_(bound_socket(port)) {
  if (::listen(socket_, 1024) == 0) return;
  const int reason = errno;
  ::close(socket_);
  fail("cannot listen at port ", port, ": ", std::strerror(reason));
}

LineListener::~LineListener() { ::close(socket_); }

std::unique_ptr<LineConnection> LineListener::accept() {
  pollfd ready{socket_, POLLIN, 0};
  if (::poll(&ready, 1, 0) <= 0) return nullptr;
  const int socket = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
  return socket < 0 ? nullptr : std::make_unique<LineConnection>(socket);
}

}  // namespace golong

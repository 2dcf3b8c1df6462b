// Rewards that take their process with them. Nobody calls them in the process of a test.
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "golong/plugin.hpp"

using namespace golong::sdk;

namespace {

constexpr int socket_to_golong = 3;

[[noreturn]] void hang() {
  while (true) ::usleep(1000);
}

// Never ends, and uses up any stack.
int recurse(int depth) {  // NOLINT(misc-no-recursion)
  volatile char frame[4096];
  frame[depth % 4096] = static_cast<char>(depth);
  return depth < 0 ? 0 : recurse(depth + 1) + frame[depth % 4096];
}

void send(std::string_view bytes) { (void)!::write(socket_to_golong, bytes.data(), bytes.size()); }

// Does what the text says. What it returns from is nothing.
void suffer(std::string_view how) {
  if (how == "segv") std::raise(SIGSEGV);
  if (how == "abort") std::abort();
  if (how == "overflow") recurse(0);
  if (how == "exit") ::_exit(7);
  if (how == "hang") hang();
  if (how == "garbage") send(std::string(1000, 'x'));
  if (how == "short") {  // half a header
    send(std::string_view("WLGL\5\0\0\0", 8));
    hang();
  }
  if (how == "huge") {  // a header that announces 2^60 bytes
    send(std::string_view("WLGL\5\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10", 24));
    hang();
  }
  if (how == "close") {
    ::shutdown(socket_to_golong, SHUT_WR);
    hang();
  }
  if (how == "eat") {  // address space; touching it would only take time
    std::vector<std::unique_ptr<char[]>> eaten;
    while (true) eaten.emplace_back(new char[size_t{1} << 20]);
  }
  if (how == "child") {  // has started a process that holds everything that this one has
    if (::fork() == 0) hang();
    send(std::string(24, 'x'));
    hang();
  }
}

struct Mortal : Reward {
  using Prepared = std::string;
  Prepared prepare(const Gold& gold) {
    suffer(gold.label());
    if (gold.label() == "unscorable") throw Unscorable("the label is not to my liking");
    return std::string(gold.label());
  }
  // The label and what the process is, for tests to compare.
  double score(const Prepared& label, const Response& response, const Call& call) {
    suffer(response.answer());
    if (response.answer() == "throw") throw std::runtime_error("it slipped");
    if (response.answer() == "polite") {
      while (true) call.check();
    }
    if (response.answer() == "print") std::puts("a line on stdout");
    if (response.answer() == "process") call.detail(std::to_string(::getpid()));
    if (response.answer() == "memory") {
      rlimit limit{};
      ::getrlimit(RLIMIT_AS, &limit);
      call.detail(std::to_string(limit.rlim_cur));
    }
    if (response.answer() == "label") call.detail(label);
    return static_cast<double>(response.answer().size());
  }
};

// For runs whose answers nobody can foresee: dies, hangs or scores by the length of the answer.
struct Fickle : Reward {
  double score(const Gold&, const Response& response, const Call&) {
    const size_t size = response.answer().size();
    if (size % 5 == 0) suffer("segv");
    if (size % 5 == 1) suffer("hang");
    return static_cast<double>(size % 7) / 7;
  }
};

// Dies while it is made, where it is told to.
struct Stillborn : Reward {
  explicit Stillborn(const Params& params) {
    if (params.boolean("refuse")) throw std::runtime_error("no dictionary anywhere");
    std::raise(SIGABRT);
  }
  double score(const Gold&, const Response&, const Call&) { return 1; }
};

}  // namespace

GOLONG_LIBRARY("bad_isolated", reward<Mortal>("bad_mortal", "1.0.0", "takes its process with it"),
               reward<Fickle>("bad_fickle", "1.0.0", "dies, hangs or scores by the length of the answer"),
               reward<Stillborn>("bad_stillborn", "1.0.0", "dies while it is made",
                                 {boolean("refuse", false, "refuse instead")}))

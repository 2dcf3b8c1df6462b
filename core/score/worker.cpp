#include "core/score/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <thread>

#include "core/base/error.h"
#include "core/data/gold_view.h"
#include "core/plugin/library.h"
#include "core/score/reward_call.h"
#include "core/score/worker_channel.h"
#include "core/score/worker_messages.h"

namespace golong {
namespace {

// One reward that reads golds and scores responses, as it is told.
class Server {
 public:
  // Sets the limit and makes the reward. Throws Error.
  explicit Server(const StartMessage& start) {
    limit_memory(start.memory_bytes);
    for (plugin::Plugin& plugin : plugin::open_library(start.library)) {
      if (plugin.kind == plugin::Kind::reward && plugin.id == start.reward) plugin_ = std::move(plugin);
    }
    if (!plugin_) fail("there is no reward ", start.reward, " in ", start.library.string(), " any more");
    instance_.emplace(*plugin_, start.settings);
  }

  ScoreResult answer(const Frame& request) {
    switch (request.kind) {
      case FrameKind::prepare:
        return prepare(decode_gold(request.payload));
      case FrameKind::score:
        return score(decode_score(request.payload));
      case FrameKind::release:
        release();
        return {Outcome::scored, 0, ""};
      default:
        fail("a worker does not know request ", static_cast<uint32_t>(request.kind));
    }
  }

 private:
  // A plugin that eats memory ends its worker, not the machine. Under AddressSanitizer, whose shadow is larger than any
  // limit, there is none.
  static void limit_memory([[maybe_unused]] uint64_t bytes) {
#if !defined(__SANITIZE_ADDRESS__)
    if (bytes == 0) return;
    const rlimit limit{bytes, bytes};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) fail("cannot limit the memory of a worker to ", bytes, " bytes");
    std::set_new_handler([] { ::_exit(worker_out_of_memory); });
#endif
  }

  ScoreResult prepare(Gold gold) {
    gold_ = std::make_unique<const Gold>(std::move(gold));
    view_.emplace(*gold_);
    const std::optional<ScoreResult> failure = call_prepare(*instance_, view_->get(), prepared_);
    is_prepared_ = !failure;
    return failure.value_or(ScoreResult{Outcome::scored, 0, ""});
  }

  ScoreResult score(const ScoreMessage& message) const {
    static const std::atomic<bool> never = false;  // who gives up kills the process
    return call_score(*instance_, prepared_, {message.text, message.deadline, message.allowed, never});
  }

  void release() {
    if (is_prepared_) call_release(*instance_, prepared_, "reward " + plugin_->id + " in its worker process");
    is_prepared_ = false;
  }

  std::optional<plugin::Plugin> plugin_;
  std::optional<plugin::Instance> instance_;
  std::unique_ptr<const Gold> gold_;
  std::optional<GoldView> view_;
  void* prepared_ = nullptr;
  bool is_prepared_ = false;
};

// Ends the process and what it has started when golong is gone, whatever the reward does at that moment.
// Rationale: PR_SET_PDEATHSIG tells of the end of the thread that started the worker, not of the process.
void end_with_golong() {
  std::thread([] {
    pollfd entry{worker_socket, POLLRDHUP, 0};
    while (::poll(&entry, 1, -1) <= 0) {
    }
    if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
    ::_exit(0);
  }).detach();
}

// When memory is short, the system is to end a worker first.
void offer_to_the_oom_killer() {
  if (std::FILE* file = std::fopen("/proc/self/oom_score_adj", "we")) {
    std::fputs("1000", file);
    std::fclose(file);
  }
}

// Serves until the socket closes.
void serve(WorkerChannel& channel) {
  std::optional<Server> server;
  Frame request;
  while (channel.receive(request, std::numeric_limits<uint64_t>::max(), WorkerChannel::never) == Exchange::done) {
    ScoreResult result{Outcome::scored, 0, ""};
    try {
      if (request.kind == FrameKind::start) {
        server.emplace(decode_start(request.payload));
      } else if (server) {
        result = server->answer(request);
      } else {
        fail("a worker is asked before it is started");
      }
    } catch (const Error& error) {
      result = {Outcome::error, 0, error.what()};
    }
    if (channel.send(FrameKind::reply, request.number, encode(result), WorkerChannel::never) != Exchange::done) return;
  }
}

}  // namespace

int run_worker() {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(worker_socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    std::fputs("golong-worker: golong starts this program for rewards with `isolate = true`; it is no command\n",
               stderr);
    return 2;
  }
  ::fcntl(worker_socket, F_SETFD, FD_CLOEXEC);
  offer_to_the_oom_killer();
  end_with_golong();
  WorkerChannel channel(worker_socket);
  serve(channel);
  std::quick_exit(0);  // the reward's destructors could hang, and hold nothing that lasts
}

}  // namespace golong

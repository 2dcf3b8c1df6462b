#include "core/score/isolated_reward.h"

#include <utility>

#include "core/base/error.h"

namespace golong {
namespace {

// For a plugin to load its library and its tables, on a machine that has much else to do.
constexpr std::chrono::seconds start_deadline{60};

}  // namespace

IsolatedReward::IsolatedReward(const plugin::Plugin& plugin, const plugin::Settings& settings, uint64_t memory_bytes)
    : program_(worker_program()),
      name_("reward " + plugin.id + " (" + plugin.library.string() + ")"),
      setup_(encode(StartMessage{std::filesystem::absolute(plugin.library), plugin.id, settings, memory_bytes})) {
  free_.push_back(start());
}

std::unique_ptr<WorkerProcess> IsolatedReward::start() const {
  auto worker = std::make_unique<WorkerProcess>(program_);
  const WorkerAnswer answer = worker->ask(FrameKind::start, setup_, Clock::now() + start_deadline);
  if (answer.kind == WorkerAnswer::Kind::late) {
    fail(name_, ": its worker process was not ready within ", start_deadline.count(), " s");
  }
  if (answer.kind == WorkerAnswer::Kind::died) fail(name_, " could not be made: ", answer.death);
  if (answer.result.outcome != Outcome::scored) fail(answer.result.detail);
  return worker;
}

std::unique_ptr<WorkerProcess> IsolatedReward::lease() {
  std::vector<std::unique_ptr<WorkerProcess>> dead;  // buried without the lock
  {
    std::lock_guard lock(mutex_);
    while (!free_.empty()) {
      auto worker = std::move(free_.back());
      free_.pop_back();
      if (worker->usable()) return worker;
      dead.push_back(std::move(worker));
    }
  }
  return start();
}

void IsolatedReward::give_back(std::unique_ptr<WorkerProcess> worker) {
  if (!worker || !worker->usable()) return;
  std::lock_guard lock(mutex_);
  free_.push_back(std::move(worker));
}

}  // namespace golong

// The worker processes of one isolated reward: as many as are in use at the same time, kept for the next group.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/plugin/registry.h"
#include "core/score/worker_process.h"

namespace golong {

// Thread-safe. The library is loaded by the workers; in this process nothing of it is called.
class IsolatedReward {
 public:
  // Starts the first worker. Throws Error where there is no golong-worker, or the plugin refuses or dies.
  IsolatedReward(const plugin::Plugin& plugin, const plugin::Settings& settings, uint64_t memory_bytes);

  // A worker that nobody else has. Throws Error where none can be started.
  std::unique_ptr<WorkerProcess> lease();

  // Keeps a worker for the next lease(), unless it is of no more use.
  void give_back(std::unique_ptr<WorkerProcess> worker);

 private:
  std::unique_ptr<WorkerProcess> start() const;

  const std::filesystem::path program_;
  const std::string name_;   // of the reward and its library, for messages
  const std::string setup_;  // a StartMessage
  std::mutex mutex_;
  std::vector<std::unique_ptr<WorkerProcess>> free_;
};

}  // namespace golong

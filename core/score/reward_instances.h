// The instances of one reward plugin: a single one where it may be called from several threads, else as many as are in
// use at the same time.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "core/config/config.h"
#include "core/plugin/registry.h"

namespace golong {

// The settings of a reward: its table in the config, and `rewards.mode` where the reward has a parameter `mode` that
// knows the value and the table does not set it.
plugin::Settings reward_settings(const Config& config, const plugin::Plugin& reward);

// Held by shared pointers: a call that hangs keeps its instance, and with it this, for as long as it runs. Thread-safe.
class RewardInstances : public std::enable_shared_from_this<RewardInstances> {
 public:
  // Makes the first instance. Throws Error where the plugin refuses.
  RewardInstances(std::shared_ptr<const plugin::Registry> registry, const plugin::Plugin& plugin,
                  plugin::Settings settings);

  const plugin::Plugin& plugin() const { return plugin_; }
  bool thread_safe() const { return plugin_.descriptor->flags & GOLONG_FLAG_THREAD_SAFE; }

  // An instance for one group. Of a plugin that is not thread-safe nobody else has it; it comes back when the last
  // pointer to it goes. Throws Error where another instance is needed and the plugin refuses.
  std::shared_ptr<const plugin::Instance> lease();

 private:
  std::shared_ptr<const plugin::Registry> registry_;  // owns plugin_
  const plugin::Plugin& plugin_;
  plugin::Settings settings_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<const plugin::Instance>> free_;
};

}  // namespace golong

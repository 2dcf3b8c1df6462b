#include "core/score/reward_instances.h"

#include <string_view>
#include <utility>

namespace golong {
namespace {

bool has_choice(const golong_param& param, std::string_view value) {
  if (param.type != GOLONG_STRING) return false;
  for (const char* const* choice = param.choices; choice && *choice; ++choice) {
    if (value == *choice) return true;
  }
  return false;
}

}  // namespace

plugin::Settings reward_settings(const Config& config, const plugin::Plugin& reward) {
  plugin::Settings settings;
  auto own = config.reward_settings.find(reward.id);
  if (own != config.reward_settings.end()) settings = own->second;
  for (uint32_t i = 0; i < reward.descriptor->param_count; ++i) {
    const golong_param& param = *reward.descriptor->params[i];
    if (std::string_view(param.name) == "mode" && has_choice(param, config.rewards.mode)) {
      settings.try_emplace("mode", plugin::Setting{config.rewards.mode, name_of(config, "rewards.mode")});
    }
  }
  return settings;
}

RewardInstances::RewardInstances(std::shared_ptr<const plugin::Registry> registry, const plugin::Plugin& plugin,
                                 plugin::Settings settings)
    : registry_(std::move(registry)), plugin_(plugin), settings_(std::move(settings)) {
  free_.push_back(std::make_unique<const plugin::Instance>(plugin_, settings_));
}

std::shared_ptr<const plugin::Instance> RewardInstances::lease() {
  if (thread_safe()) return {shared_from_this(), free_.front().get()};
  std::unique_ptr<const plugin::Instance> instance;
  {
    std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      instance = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!instance) instance = std::make_unique<const plugin::Instance>(plugin_, settings_);
  return {instance.release(), [self = shared_from_this()](const plugin::Instance* returned) {
            std::lock_guard lock(self->mutex_);
            self->free_.emplace_back(returned);
          }};
}

}  // namespace golong

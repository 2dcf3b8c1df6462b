// Instances of plugins.
#include <array>
#include <utility>

#include "core/base/error.h"
#include "core/plugin/crash.h"
#include "core/plugin/library.h"
#include "core/plugin/registry.h"

namespace golong::plugin {

Instance::Instance(const Plugin& plugin, const Settings& settings) : plugin_(&plugin) {
  std::vector<golong_value> values = check_settings(plugin, settings);
  std::array<char, 1024> message{};
  golong_error error{sizeof error, message.size(), message.data()};
  const Inside inside(plugin, "create");
  golong_status status =
      plugin.descriptor->create(host(), values.data(), static_cast<uint32_t>(values.size()), &handle_, &error);
  if (status != GOLONG_OK) {
    handle_ = nullptr;
    message.back() = 0;
    fail(name(plugin.kind), " ", plugin.id, " (", plugin.library.string(),
         ") could not be made: ", message[0] ? message.data() : "it gives no reason");
  }
}

Instance::~Instance() {
  if (!handle_) return;
  const Inside inside(*plugin_, "destroy");
  plugin_->descriptor->destroy(handle_);
}

Instance::Instance(Instance&& other) noexcept
    : plugin_(other.plugin_), handle_(std::exchange(other.handle_, nullptr)) {}

const void* Instance::extension(const char* name) const {
  return plugin_->descriptor->extension ? plugin_->descriptor->extension(name) : nullptr;
}

}  // namespace golong::plugin

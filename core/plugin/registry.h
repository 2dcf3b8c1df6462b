// All plugins that a run can use: found, loaded, checked, listed by kind and id. Start here to read this folder.
//
// A Registry is built once at start; afterwards it is read only and may be used from any thread. Libraries stay loaded
// until the process ends, since instances and threads may hold pointers into them.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "golong/plugin.h"

namespace golong::plugin {

enum class Kind : int32_t { task = GOLONG_KIND_TASK, reward = GOLONG_KIND_REWARD, normalizer = GOLONG_KIND_NORMALIZER };
const char* name(Kind kind);    // "task", ...
const char* plural(Kind kind);  // "tasks", ...: the name of the TOML table and of the folder

// A parameter's value as the user wrote it. `where` ("demo.toml:12:1") goes into messages.
using Scalar = std::variant<bool, int64_t, double, std::string>;
struct Setting {
  Scalar value;
  std::string where;
};
using Settings = std::map<std::string, Setting>;

// One plugin that was loaded. The descriptor was checked: ids, versions, function pointers, parameter schema.
struct Plugin {
  Kind kind;
  std::string id;
  std::filesystem::path library;
  const golong_descriptor* descriptor;
};

class Registry {
 public:
  // Searches, in this order, `paths`, the folders of GOLONG_PLUGIN_PATH (separated by ':'), and the built-in folder
  // beside the program (lib/golong/plugins). Each entry is a library, or a folder searched for *.so recursively.
  // Throws Error naming the library and what it needs and the host has, when one cannot be used or an id stands twice.
  static std::shared_ptr<const Registry> load(const std::vector<std::filesystem::path>& paths);

  // All plugins, sorted by kind and id.
  const std::vector<Plugin>& plugins() const { return plugins_; }

  // Throws Error with the nearest id when there is no such plugin.
  const Plugin& find(Kind kind, std::string_view id) const;
  bool has(Kind kind, std::string_view id) const;

 private:
  std::vector<Plugin> plugins_;
};

// Checks `settings` against the plugin's parameters: unknown name (with the nearest), type, range, choices. Returns the
// values in the order of the descriptor's parameters, defaults filled in. An integer is accepted where a float is
// asked. The returned text points into `settings` and the descriptor. Throws Error that starts with the setting's
// `where`.
std::vector<golong_value> check_settings(const Plugin& plugin, const Settings& settings);

// One instance of a plugin; destroys it. Throws Error with the plugin's own message where it refuses.
class Instance {
 public:
  Instance(const Plugin& plugin, const Settings& settings);
  ~Instance();
  Instance(Instance&&) noexcept;
  Instance& operator=(Instance&&) = delete;

  const Plugin& plugin() const { return *plugin_; }
  void* get() const { return handle_; }
  bool thread_safe() const { return plugin_->descriptor->flags & GOLONG_FLAG_THREAD_SAFE; }
  const golong_reward& reward() const { return *static_cast<const golong_reward*>(plugin_->descriptor->functions); }
  const golong_task& task() const { return *static_cast<const golong_task*>(plugin_->descriptor->functions); }
  const golong_normalizer& normalizer() const {
    return *static_cast<const golong_normalizer*>(plugin_->descriptor->functions);
  }
  const void* extension(const char* name) const;

 private:
  const Plugin* plugin_;
  void* handle_ = nullptr;
};

}  // namespace golong::plugin

#include "core/plugin/registry.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/plugin/library.h"

namespace golong::plugin {
namespace {

namespace fs = std::filesystem;

// The folder of the built-in plugins: beside the library that this code is in (build/lib, lib of an installed tree).
fs::path built_in_folder() {
  Dl_info info;
  if (!::dladdr(reinterpret_cast<const void*>(&built_in_folder), &info) || !info.dli_fname) return {};
  fs::path here = fs::absolute(info.dli_fname).parent_path();
  for (const fs::path& folder : {here / "golong" / "plugins", here / ".." / "lib" / "golong" / "plugins"}) {
    if (fs::is_directory(folder)) return folder.lexically_normal();
  }
  return {};
}

std::vector<fs::path> search_path(const std::vector<fs::path>& paths) {
  std::vector<fs::path> all = paths;
  if (const char* environment = std::getenv("GOLONG_PLUGIN_PATH")) {
    std::string_view rest = environment;
    while (!rest.empty()) {
      size_t colon = std::min(rest.find(':'), rest.size());
      if (colon) all.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  if (fs::path built_in = built_in_folder(); !built_in.empty()) all.push_back(built_in);
  return all;
}

// The libraries that one entry of the search path stands for, sorted.
std::vector<fs::path> libraries_of(const fs::path& entry) {
  if (!fs::exists(entry))
    fail("plugins: ", entry.string(), " does not exist (from plugins.path or GOLONG_PLUGIN_PATH)");
  if (!fs::is_directory(entry)) return {entry};
  std::vector<fs::path> found;
  try {
    for (const auto& file : fs::recursive_directory_iterator(entry)) {
      if (file.is_regular_file() && file.path().extension() == ".so") found.push_back(file.path());
    }
  } catch (const fs::filesystem_error& error) {
    fail("plugins: cannot search ", entry.string(), ": ", error.code().message());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

const char* name(Kind kind) { return kind == Kind::task ? "task" : kind == Kind::reward ? "reward" : "normalizer"; }

const char* plural(Kind kind) {
  return kind == Kind::task ? "tasks" : kind == Kind::reward ? "rewards" : "normalizers";
}

std::shared_ptr<const Registry> Registry::load(const std::vector<fs::path>& paths) {
  auto registry = std::make_shared<Registry>();
  std::vector<fs::path> seen;  // the same file through two entries is one library
  for (const fs::path& entry : search_path(paths)) {
    for (const fs::path& library : libraries_of(entry)) {
      fs::path canonical = fs::canonical(library);
      if (std::find(seen.begin(), seen.end(), canonical) != seen.end()) continue;
      seen.push_back(canonical);
      for (Plugin& plugin : open_library(library)) {
        for (const Plugin& other : registry->plugins_) {
          if (other.kind == plugin.kind && other.id == plugin.id) {
            fail(library.string(), ": the ", name(plugin.kind), " ", plugin.id, " is already provided by ",
                 other.library.string(), ". Rename one of them or take one library out of plugins.path");
          }
        }
        registry->plugins_.push_back(std::move(plugin));
      }
    }
  }
  std::sort(registry->plugins_.begin(), registry->plugins_.end(),
            [](const Plugin& a, const Plugin& b) { return std::tie(a.kind, a.id) < std::tie(b.kind, b.id); });
  return registry;
}

bool Registry::has(Kind kind, std::string_view id) const {
  return std::any_of(plugins_.begin(), plugins_.end(), [&](const Plugin& p) { return p.kind == kind && p.id == id; });
}

const Plugin& Registry::find(Kind kind, std::string_view id) const {
  std::vector<std::string> ids;
  for (const Plugin& plugin : plugins_) {
    if (plugin.kind != kind) continue;
    if (plugin.id == id) return plugin;
    ids.push_back(plugin.id);
  }
  std::string hint = did_you_mean(id, ids);
  fail("there is no ", name(kind), " ", id, hint.empty() ? ";" : hint, " `golong plugin list` shows what there is");
}

}  // namespace golong::plugin

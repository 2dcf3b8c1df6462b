#include "core/cli/engine.h"

#include <dlfcn.h>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
constexpr char library[] = "libgolong_engine.so";

std::vector<fs::path> candidates() {
  std::vector<fs::path> folders;
  Dl_info core;
  if (dladdr(reinterpret_cast<const void*>(&read_file), &core) != 0 && core.dli_fname) {
    folders.push_back(fs::absolute(core.dli_fname).parent_path());
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) folders.push_back(program.parent_path().parent_path() / "lib");
  for (fs::path& folder : folders) folder = (folder / library).lexically_normal();
  if (folders.size() == 2 && folders[0] == folders[1]) folders.pop_back();
  return folders;
}

}  // namespace

std::optional<fs::path> find_engine() {
  std::error_code error;
  for (const fs::path& path : candidates()) {
    if (fs::exists(path, error)) return path;
  }
  return std::nullopt;
}

const EngineApi& engine() {
  static const EngineApi* api = [] {
    const std::optional<fs::path> path = find_engine();
    if (!path) {
      std::string places;
      for (const fs::path& place : candidates()) places += (places.empty() ? "" : ", ") + place.string();
      fail("training and generating need ", library, ", which is not there (looked for ", places,
           "); build it with `make build` (CMake option GOLONG_ENGINE=ON)");
    }
    void* handle = dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
      fail("cannot load ", path->string(), ": ", dlerror(),
           "; LibTorch is the torch package in .venv: `make setup` installs it");
    }
    const auto entry = reinterpret_cast<const EngineApi* (*)()>(dlsym(handle, "golong_engine"));
    if (!entry) fail("cannot use ", path->string(), ": it has no function golong_engine; build it again: `make build`");
    return entry();
  }();
  return *api;
}

}  // namespace golong

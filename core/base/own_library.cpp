#include "core/base/own_library.h"

#include <dlfcn.h>

#include <vector>

#include "core/base/error.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> candidates(const std::string& name) {
  std::vector<fs::path> folders;
  Dl_info core;
  if (dladdr(reinterpret_cast<const void*>(&find_library), &core) != 0 && core.dli_fname) {
    folders.push_back(fs::absolute(core.dli_fname).parent_path());
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) folders.push_back(program.parent_path().parent_path() / "lib");
  for (fs::path& folder : folders) folder = (folder / name).lexically_normal();
  if (folders.size() == 2 && folders[0] == folders[1]) folders.pop_back();
  return folders;
}

}  // namespace

std::optional<fs::path> find_library(const std::string& name) {
  std::error_code error;
  for (const fs::path& path : candidates(name)) {
    if (fs::exists(path, error)) return path;
  }
  return std::nullopt;
}

void* library_function(const std::string& name, const char* entry, const char* purpose, const char* remedy) {
  const std::optional<fs::path> path = find_library(name);
  if (!path) {
    std::string places;
    for (const fs::path& place : candidates(name)) places += (places.empty() ? "" : ", ") + place.string();
    fail(purpose, " needs ", name, ", which is not there (looked for ", places, "); ", remedy);
  }
  void* handle = dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) fail("cannot load ", path->string(), ": ", dlerror(), "; ", remedy);
  void* function = dlsym(handle, entry);
  if (!function) {
    fail("cannot use ", path->string(), ": it has no function ", entry, "; build it again: `make build`");
  }
  return function;
}

}  // namespace golong

#include "core/cli/engine.h"

#include "core/base/own_library.h"

namespace golong {
namespace {

constexpr char library[] = "libgolong_engine.so";

}  // namespace

std::optional<std::filesystem::path> find_engine() { return find_library(library); }

const EngineApi& engine() {
  static const EngineApi* api = [] {
    void* entry = library_function(library, "golong_engine", "training and generating",
                                   "it is built with `make build` (CMake option GOLONG_ENGINE=ON), over LibTorch, the "
                                   "torch package in .venv that `make setup` installs");
    return reinterpret_cast<const EngineApi* (*)()>(entry)();
  }();
  return *api;
}

}  // namespace golong

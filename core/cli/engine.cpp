#include "core/cli/engine.h"

#include <cstdlib>

#include "core/base/own_library.h"

namespace golong {
namespace {

constexpr char library[] = "libgolong_engine.so";

// A thread of OpenMP that waits for work spins before it sleeps. By default it spins so long that beside another
// program it keeps the thread that has the work from running (docs/benchmarks.md, Two cores). OpenMP reads this when
// LibTorch brings it.
void wait_briefly() {
  if (!std::getenv("OMP_WAIT_POLICY")) ::setenv("GOMP_SPINCOUNT", "4000", 0);
}

}  // namespace

std::optional<std::filesystem::path> find_engine() { return find_library(library); }

const EngineApi& engine() {
  static const EngineApi* api = [] {
    wait_briefly();
    void* entry = library_function(library, "golong_engine", "training and generating",
                                   "it is built with `make build` (CMake option GOLONG_ENGINE=ON), over LibTorch, the "
                                   "torch package in .venv that `make setup` installs");
    return reinterpret_cast<const EngineApi* (*)()>(entry)();
  }();
  return *api;
}

}  // namespace golong

// libgolong_engine, loaded when a command needs LibTorch: commands that do not, start without it.
#pragma once
#include <filesystem>
#include <optional>

#include "core/train/api.h"

namespace golong {

// Where the library is: beside libgolong_core, else in ../lib of the program. None where it is in neither place.
std::optional<std::filesystem::path> find_engine();

// Loads the library once; it stays loaded. Throws Error that says where it was looked for, or what it lacks.
const EngineApi& engine();

}  // namespace golong

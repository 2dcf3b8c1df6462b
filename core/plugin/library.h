// Opening one plugin library and checking everything that it claims, before anything in it is called.
#pragma once
#include <filesystem>
#include <vector>

#include "core/plugin/registry.h"

namespace golong::plugin {

// Loads the library (all symbols resolved at once, none made visible to others) and checks its entry symbol, ABI,
// struct sizes, ids, functions and parameters. It stays loaded until the process ends. Throws Error that names the
// library, what is wrong, what the host has, and what to do.
std::vector<Plugin> open_library(const std::filesystem::path& path);

// What the host offers to plugins.
const golong_host* host();

}  // namespace golong::plugin

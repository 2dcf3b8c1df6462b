// Parts of golong that stand in shared libraries of their own and are loaded when they are needed.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace golong {

// Where the library `name` ("libgolong_engine.so") is: beside libgolong_core, else in ../lib of the program. None where
// it is in neither place.
std::optional<std::filesystem::path> find_library(const std::string& name);

// Loads it and returns its function `entry`; it stays loaded until the process ends. Throws Error that says where it
// was looked for or what it lacks; `purpose` ("reading Parquet") begins, `remedy` ends the message.
void* library_function(const std::string& name, const char* entry, const char* purpose, const char* remedy);

}  // namespace golong

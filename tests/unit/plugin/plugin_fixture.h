// Where the tests find libraries, and what they do with messages.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/base/error.h"
#include "core/plugin/library.h"
#include "tests/unit/error_message.h"

namespace golong::plugin {

inline std::filesystem::path bad_library(const std::string& name) {
  return std::filesystem::path(GOLONG_BINARY_DIR) / "tests" / "bad" / ("bad_" + name + ".so");
}

inline std::filesystem::path abi_1_0_library() {
  return std::filesystem::path(GOLONG_BINARY_DIR) / "tests" / "abi" / "abi_1_0.so";
}

// The plugin with this id in a library.
inline Plugin plugin_of(const std::filesystem::path& library, const std::string& id, Kind kind) {
  for (const Plugin& plugin : open_library(library)) {
    if (plugin.id == id && plugin.kind == kind) return plugin;
  }
  throw Error("no " + id + " in " + library.string());
}

}  // namespace golong::plugin

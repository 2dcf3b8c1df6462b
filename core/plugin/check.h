// Conformance checks of a plugin library: `golong plugin check`. They call every function of the interface as the host
// may call it, with inputs that real data has and with those that break careless code.
//
// Each check runs in a process of its own, so that a crash or a hang is a failed check.
#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace golong::plugin {

struct CheckResult {
  std::string plugin;   // "reward em", "" for the library
  std::string name;     // what was checked
  std::string problem;  // "" where it is fine
};

// Reports each result as it comes. Linux only; call it before threads are started.
void check_library(const std::filesystem::path& path, const std::function<void(const CheckResult&)>& report);

// Runs `check` in a child process. Returns what it threw (an Error's text), that it crashed, or that it took longer
// than `limit`; "" where it returned.
std::string run_isolated(const std::function<void()>& check, std::chrono::milliseconds limit);

}  // namespace golong::plugin

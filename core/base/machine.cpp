#include "core/base/machine.h"

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {
namespace {

// "" where the file cannot be read: not every container shows all of /proc and /sys.
std::string contents(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return "";
  try {
    return read_file(path);
  } catch (const Error&) {
    return "";
  }
}

// The text after `name` and `separator` on the first line that begins with `name`.
std::string field(const std::string& text, const std::string& name, char separator) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const size_t mark = line.find(separator);
    if (mark == std::string::npos) continue;
    const size_t first = line.find_first_not_of(" \t\"", mark + 1);
    if (first == std::string::npos) return "";
    return line.substr(first, line.find_last_not_of(" \t\"") + 1 - first);
  }
  return "";
}

std::string instructions(const std::string& flags) {
  const std::pair<const char*, const char*> known[] = {
      {"avx2", "AVX2"}, {"avx512f", "AVX-512"}, {"avx512_bf16", "AVX-512-BF16"}, {"amx_bf16", "AMX-BF16"}};
  const std::string padded = " " + flags + " ";
  std::string found;
  for (auto [flag, name] : known) {
    if (padded.find(" " + std::string(flag) + " ") != std::string::npos)
      found += (found.empty() ? "" : " ") + std::string(name);
  }
  return found;
}

// What the control group allows, or no limit.
uint64_t group_limit(const char* file) {
  const std::string text = contents(std::filesystem::path("/sys/fs/cgroup") / file);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? value : UINT64_MAX;
}

}  // namespace

uint64_t meminfo_bytes(const std::string& meminfo, const std::string& name) {
  const std::string text = field(meminfo, name + ":", ':');
  uint64_t kilobytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), kilobytes);
  return kilobytes * 1024;
}

Machine this_machine() {
  Machine machine;
  machine.system = field(contents("/etc/os-release"), "PRETTY_NAME", '=');
  utsname name;
  if (uname(&name) == 0)
    machine.system += (machine.system.empty() ? "" : ", ") + std::string(name.sysname) + " " + name.release;
  const std::string cpuinfo = contents("/proc/cpuinfo");
  machine.processor = field(cpuinfo, "model name", ':');
  machine.instructions = instructions(field(cpuinfo, "flags", ':'));
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) machine.cores = static_cast<unsigned>(CPU_COUNT(&cores));
  const std::string meminfo = contents("/proc/meminfo");
  machine.memory = std::min(meminfo_bytes(meminfo, "MemTotal"), group_limit("memory.max"));
  machine.available = std::min(meminfo_bytes(meminfo, "MemAvailable"), machine.memory);
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(".", error);
  if (!error) machine.disk_free = space.available;
  return machine;
}

ProcessMemory::ProcessMemory() {
  // Sets the peak that Linux keeps back to the present memory.
  if (std::FILE* file = std::fopen("/proc/self/clear_refs", "w")) {
    std::fputs("5", file);
    std::fclose(file);
  }
  start_ = static_cast<int64_t>(meminfo_bytes(contents("/proc/self/status"), "VmRSS"));
}

int64_t ProcessMemory::peak() const {
  return static_cast<int64_t>(meminfo_bytes(contents("/proc/self/status"), "VmHWM"));
}

std::string format_bytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

}  // namespace golong

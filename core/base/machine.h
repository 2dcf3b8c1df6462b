// What the machine has, as Linux tells it.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace golong {

struct Machine {
  std::string system;        // "Debian GNU/Linux 12 (bookworm), Linux 6.1.0"
  std::string processor;     // "" where /proc/cpuinfo does not tell
  std::string instructions;  // those that LibTorch gains from: "AVX2 AVX-512 BF16 AMX"
  unsigned cores = 0;        // that this process may use
  uint64_t memory = 0;       // bytes; the smaller of the machine's and the control group's
  uint64_t available = 0;    // bytes of it
  uint64_t disk_free = 0;    // bytes, in the working directory
};

Machine this_machine();

// The number of the line "MemTotal:   123 kB" of /proc/meminfo in bytes, 0 where there is none.
uint64_t meminfo_bytes(const std::string& meminfo, const std::string& name);

// Resident memory of this process. The peak counts from when it is made; where Linux keeps no peak that can be set back
// (/proc/self/clear_refs cannot be written), from when the process started.
class ProcessMemory {
 public:
  ProcessMemory();
  int64_t peak() const;                                   // bytes
  int64_t peak_above() const { return peak() - start_; }  // bytes above what it had when this was made

 private:
  int64_t start_;
};

std::string format_bytes(uint64_t bytes);  // "7.8 GB"

}  // namespace golong

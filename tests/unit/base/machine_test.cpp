#include "core/base/machine.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <thread>

namespace golong {
namespace {

TEST(Machine, ReadsMeminfo) {
  const std::string text = "MemTotal:       24690332 kB\nMemFree:  12 kB\nMemAvailable:   22867080 kB\n";
  EXPECT_EQ(meminfo_bytes(text, "MemTotal"), 24690332ull * 1024);
  EXPECT_EQ(meminfo_bytes(text, "MemAvailable"), 22867080ull * 1024);
  EXPECT_EQ(meminfo_bytes(text, "Swap"), 0u);
  EXPECT_EQ(meminfo_bytes("", "MemTotal"), 0u);
  EXPECT_EQ(meminfo_bytes("MemTotal:", "MemTotal"), 0u);
}

TEST(Machine, KnowsThisOne) {
  const Machine machine = this_machine();
  EXPECT_GE(machine.cores, 1u);
  EXPECT_LE(machine.cores, std::thread::hardware_concurrency());
  EXPECT_GT(machine.memory, 100'000'000u);
  EXPECT_LE(machine.available, machine.memory);
  EXPECT_NE(machine.system.find("Linux"), std::string::npos);
}

// Pages of its own, so that unmapping gives them back whatever allocator (or sanitizer) the test is built with.
TEST(Machine, ThePeakOfMemoryCountsFromWhenItIsAsked) {
  constexpr size_t large = 200'000'000;
  const ProcessMemory memory;
  void* pages = mmap(nullptr, large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  std::memset(pages, 1, large);
  ASSERT_EQ(munmap(pages, large), 0);
  const int64_t peak = memory.peak();
  EXPECT_GT(peak, static_cast<int64_t>(large));
  EXPECT_GT(memory.peak_above(), static_cast<int64_t>(large) * 9 / 10);
  EXPECT_LT(ProcessMemory().peak(), peak - static_cast<int64_t>(large) / 2);
}

TEST(Machine, Bytes) {
  EXPECT_EQ(format_bytes(0), "0.0 GB");
  EXPECT_EQ(format_bytes(7'840'000'000), "7.8 GB");
}

}  // namespace
}  // namespace golong

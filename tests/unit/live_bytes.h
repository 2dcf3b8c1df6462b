// The bytes of all tensors that LibTorch's CPU allocator has given out while one lives: exact, where a process's memory
// has caches and pages in it.
#pragma once
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <atomic>
#include <memory>

namespace golong {

// Counts what the thread that made it allocates and frees, above what there was.
class LiveBytes {
 public:
  int64_t now() const { return counter_->now; }
  int64_t peak() const { return counter_->peak; }
  void restart_peak() { counter_->peak = counter_->now.load(); }

 private:
  struct Counter : c10::MemoryReportingInfoBase {
    std::atomic<int64_t> now = 0, peak = 0;

    void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
      now += size;
      peak = std::max(peak.load(), now.load());
    }
    bool memoryProfilingEnabled() const override { return true; }
  };

  std::shared_ptr<Counter> counter_ = std::make_shared<Counter>();
  c10::DebugInfoGuard guard_{c10::DebugInfoKind::PROFILER_STATE, counter_};
};

}  // namespace golong

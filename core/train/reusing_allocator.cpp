#include "core/train/reusing_allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <cstdlib>

namespace golong {
namespace {

constexpr uintptr_t kAlignment = 64;  // LibTorch's own

// In front of the data stands where its block begins.
void release(void* data) {
  if (!data) return;
  c10::profiledCPUMemoryReporter().Delete(data);
  std::free(static_cast<void**>(data)[-1]);
}

class ReusingAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device cpu(c10::DeviceType::CPU);
    if (bytes == 0) return {nullptr, nullptr, &release, cpu};
    void* block = std::malloc(bytes + sizeof(void*) + kAlignment);
    TORCH_CHECK(block, "not enough memory: ", bytes, " bytes for a tensor");
    void* data = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(block) + sizeof(void*) + kAlignment - 1) /
                                         kAlignment * kAlignment);
    static_cast<void**>(data)[-1] = block;
    c10::profiledCPUMemoryReporter().New(data, bytes);
    return {data, data, &release, cpu};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

}  // namespace

void reuse_memory() {
  static ReusingAllocator allocator;
  c10::SetCPUAllocator(&allocator, 1);
}

}  // namespace golong

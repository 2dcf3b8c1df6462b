// Where tensors live: devices by name, and what is to be known of them. What CUDA needs is loaded when a CUDA device is
// opened, so that runs on the CPU never pay for it.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/machine.h"

namespace golong::nn {

// "cpu", "cuda" or "cuda:1". Throws Error that says what is missing: a driver, a device of that number, a library.
c10::Device open_device(const std::string& name);

// From now on the same work gives the same bits on CUDA, too; some kernels are slower (docs/guide/gpu.md). Called
// before anything is computed there. The CPU always does.
void be_deterministic();

// Bytes of all of the device's memory; of the CPU's machine, within the limits of this process.
int64_t memory_of(c10::Device device);

// Waits until the device has done what it was asked to.
void synchronize(c10::Device device);

// Bytes in use at most since it was made: of the tensors on a CUDA device, or of this process.
class PeakMemory {
 public:
  explicit PeakMemory(c10::Device device);
  int64_t peak() const;
  int64_t above() const;  // what was in use when it was made

 private:
  c10::Device device_;
  int64_t start_ = 0;                     // of a CUDA device
  std::optional<ProcessMemory> process_;  // of the CPU
};

// "NVIDIA H200, 139.8 GB" for each CUDA device; "" where there is none or CUDA cannot be used.
std::string describe_cuda_devices();

}  // namespace golong::nn

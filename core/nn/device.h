// Where tensors live: devices by name, and what is to be known of them. What CUDA needs is loaded when a CUDA device is
// opened, so that runs on the CPU never pay for it.
#pragma once
#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/machine.h"

namespace golong::parallel {
class Backends;
}

namespace golong::nn {

// "cpu", "cuda" or "cuda:1". Throws Error that says what is missing: a driver, a device of that number, a library.
c10::Device open_device(const std::string& name);

// Whether the same work gives the same bits on CUDA, too, from now on; some kernels are slower then
// (docs/guide/gpu.md). Throws Error where cuBLAS has started in this process without. The CPU always does.
void set_deterministic(bool on);

// Bytes of all of the device's memory; of the CPU's machine, within the limits of this process. 0: not known.
int64_t memory_of(c10::Device device);

// Gives memory that no tensor has any more back to the device, on the CPU to the system. What one large tensor had is
// then free as a whole, and not in the parts that smaller tensors would leave of it.
void give_back_memory(c10::Device device);

// Waits until the device has done what it was asked to.
void synchronize(c10::Device device);

// A point in the work that a device was asked to do. The CPU's work is done when it returns: nothing is waited for.
class DeviceMark {
 public:
  void set(c10::Device device);  // after all that the calling thread has asked the device to do; moves the mark
  void wait() const;             // until the device has come to it; returns at once where it was never set

 private:
  std::optional<c10::Event> event_;  // of a CUDA device
};

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

// How ranks with a device each make groups that exchange its tensors: NCCL; nullptr for the CPU, where Gloo does.
std::shared_ptr<const parallel::Backends> collective_backends(c10::Device device);

// "NVIDIA H200, 150.1 GB" for each CUDA device, or why CUDA cannot be used; "" where there is no device.
std::string describe_cuda_devices();

// "NVIDIA H200, kernels of golong's own", of the CPU "": what the bits of a run on the device depend on.
std::string describe(c10::Device device);

}  // namespace golong::nn

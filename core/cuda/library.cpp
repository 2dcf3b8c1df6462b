// The door of libgolong_cuda: what the engine finds when it opens a CUDA device (nn/device_kernels.h).
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>

#include <string>

#include "core/cuda/kernels.h"
#include "core/cuda/nccl.h"
#include "core/nn/device_kernels.h"

namespace golong::cuda {
namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);

cudaDeviceProp properties(int device) {
  cudaDeviceProp found;
  C10_CUDA_CHECK(cudaGetDeviceProperties(&found, device));
  return found;
}

// The allocator knows devices once they are used.
void start(int device) {
  allocator::init(c10::cuda::device_count());
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
}

int count() { return c10::cuda::device_count(); }
std::string name(int device) { return properties(device).name; }
int64_t memory(int device) { return static_cast<int64_t>(properties(device).totalGlobalMem); }

int capability(int device) {
  const cudaDeviceProp found = properties(device);
  return found.major * 10 + found.minor;
}

void give_back() { allocator::emptyCache(); }

void synchronize(int device) {
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
  c10::cuda::device_synchronize();
}

int64_t used(int device) {
  start(device);
  return allocator::getDeviceStats(static_cast<c10::DeviceIndex>(device)).allocated_bytes[kAll].current;
}

int64_t peak(int device) {
  return allocator::getDeviceStats(static_cast<c10::DeviceIndex>(device)).allocated_bytes[kAll].peak;
}

void reset_peak(int device) {
  start(device);
  allocator::resetPeakStats(static_cast<c10::DeviceIndex>(device));
}

const nn::CudaLibrary kLibrary{
    {count, name, memory, capability, synchronize, give_back, used, peak, reset_peak}, nccl, device_kernels()};

}  // namespace
}  // namespace golong::cuda

extern "C" __attribute__((visibility("default"))) const golong::nn::CudaLibrary* golong_cuda() {
  return &golong::cuda::kLibrary;
}

#include "core/nn/device.h"

#include <ATen/Context.h>

#include <charconv>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/own_library.h"
#include "core/nn/device_kernels.h"

namespace golong::nn {
namespace {

const CudaLibrary* loaded = nullptr;  // set once a CUDA device was opened

const CudaLibrary& cuda_library() {
  static const CudaLibrary* const library = [] {
    void* entry = library_function("libgolong_cuda.so", "golong_cuda", "model.device = \"cuda\"",
                                   "it is built with `make build` over the CUDA build of the torch package");
    return reinterpret_cast<const CudaLibrary* (*)()>(entry)();
  }();
  return *library;
}

int device_count() {
  try {
    return cuda_library().devices.count();
  } catch (const c10::Error& error) {
    fail("CUDA cannot be used: ", error.what_without_backtrace());
  }
}

// "cuda:1" -> 1; -1 where it is none.
int number_of(const std::string& name) {
  if (name == "cuda") return 0;
  if (!name.starts_with("cuda:")) return -1;
  int number = -1;
  const char *begin = name.data() + 5, *end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  return error == std::errc() && stop == end ? number : -1;
}

}  // namespace

c10::Device open_device(const std::string& name) {
  if (name == "cpu") return c10::kCPU;
  const int number = number_of(name);
  if (number < 0) fail("device \"", name, "\" is not known; expected \"cpu\", \"cuda\" or \"cuda:1\"");
  const int count = device_count();
  if (count == 0) {
    fail("device \"", name, "\": there is no CUDA device, or its driver is too old for this LibTorch; ",
         "`golong doctor` says what it finds. On the CPU: \"cpu\"");
  }
  if (number >= count) {
    fail("device \"", name, "\": there ", count == 1 ? "is one CUDA device" : "are CUDA devices", ", cuda:0",
         count == 1 ? "" : " to cuda:" + std::to_string(count - 1));
  }
  loaded = &cuda_library();
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(number)};
}

void be_deterministic() {
  // Read when cuBLAS starts; without it its results may depend on what runs beside it.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

int64_t memory_of(c10::Device device) {
  if (device.is_cuda()) return cuda_library().devices.memory(device.index());
  const uint64_t memory = this_machine().memory;
  return static_cast<int64_t>(memory > 0 ? memory : uint64_t{8} << 30);
}

void synchronize(c10::Device device) {
  if (device.is_cuda()) cuda_library().devices.synchronize(device.index());
}

PeakMemory::PeakMemory(c10::Device device) : device_(device) {
  if (device.is_cuda()) {
    cuda_library().devices.reset_peak(device.index());
    start_ = cuda_library().devices.used(device.index());
  } else {
    process_.emplace();
  }
}

int64_t PeakMemory::peak() const { return process_ ? process_->peak() : cuda_library().devices.peak(device_.index()); }

int64_t PeakMemory::above() const { return process_ ? process_->peak_above() : peak() - start_; }

std::string describe_cuda_devices() {
  std::string text;
  try {
    const CudaDevices& devices = cuda_library().devices;
    for (int i = 0; i < devices.count(); ++i) {
      text +=
          (text.empty() ? "" : "; ") + devices.name(i) + ", " + format_bytes(static_cast<uint64_t>(devices.memory(i)));
    }
    if (!text.empty() && !cuda_library().kernels) text += " (built without nvcc: no kernels of golong's own)";
  } catch (const std::exception&) {  // no driver, no library: there is nothing to describe
    return "";
  }
  return text;
}

const DeviceKernels* device_kernels(const at::Tensor& x) { return x.is_cuda() && loaded ? loaded->kernels : nullptr; }

}  // namespace golong::nn

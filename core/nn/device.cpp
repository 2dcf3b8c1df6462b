#include "core/nn/device.h"

#include <ATen/Context.h>
#include <malloc.h>

#include <charconv>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/own_library.h"
#include "core/nn/device_kernels.h"

namespace golong::nn {
namespace {

bool is_open = false;                    // a CUDA device
const DeviceKernels* kernels = nullptr;  // of the device that was opened last

const CudaLibrary& cuda_library() {
  static const CudaLibrary* const library = [] {
    void* entry = library_function("libgolong_cuda.so", "golong_cuda", "model.device = \"cuda\"",
                                   "it is built with `make build` over the CUDA build of the torch package");
    return reinterpret_cast<const CudaLibrary* (*)()>(entry)();
  }();
  return *library;
}

// They are built for compute capability 8.0 and newer.
const DeviceKernels* kernels_of(int device) {
  return cuda_library().devices.capability(device) >= 80 ? cuda_library().kernels : nullptr;
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
  if (number < 0) fail("device \"", name, "\" is not known; expected \"cpu\", \"cuda\" or \"cuda:N\"");
  const int count = device_count();
  if (count == 0) {
    fail("device \"", name, "\": there is no CUDA device, or its driver is too old for this LibTorch; ",
         "`golong doctor` says what it finds. On the CPU: \"cpu\"");
  }
  if (number >= count) {
    fail("device \"", name, "\": there ", count == 1 ? "is one CUDA device" : "are CUDA devices", ", cuda:0",
         count == 1 ? "" : " to cuda:" + std::to_string(count - 1));
  }
  kernels = kernels_of(number);
  is_open = true;
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(number)};
}

void set_deterministic(bool on) {
  // Read when cuBLAS starts; without it its results may depend on what runs beside it.
  constexpr char workspace[] = "CUBLAS_WORKSPACE_CONFIG";
  if (on && is_open && !std::getenv(workspace)) {
    fail("model.deterministic: CUDA is in use in this process already; set ", workspace, "=:4096:8 before it starts");
  }
  if (on) ::setenv(workspace, ":4096:8", 0);
  at::globalContext().setDeterministicAlgorithms(on, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

int64_t memory_of(c10::Device device) {
  if (device.is_cuda()) return cuda_library().devices.memory(device.index());
  return static_cast<int64_t>(this_machine().memory);
}

void give_back_memory(c10::Device device) {
  if (device.is_cuda()) {
    cuda_library().devices.give_back();
  } else {
    ::malloc_trim(0);
  }
}

void synchronize(c10::Device device) {
  if (device.is_cuda()) cuda_library().devices.synchronize(device.index());
}

std::shared_ptr<const parallel::Backends> collective_backends(c10::Device device) {
  return device.is_cuda() ? cuda_library().nccl(device.index()) : nullptr;
}

void DeviceMark::set(c10::Device device) {
  if (device.is_cpu()) return;
  if (!event_) event_.emplace(device.type());
  event_->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

void DeviceMark::wait() const {
  if (event_) event_->synchronize();
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
  } catch (const c10::Error& error) {
    return std::string("cannot be used: ") + error.what_without_backtrace();
  } catch (const std::exception& error) {
    return std::string("cannot be used: ") + error.what();
  }
  return text;
}

std::string describe(c10::Device device) {
  if (!device.is_cuda()) return "";
  return cuda_library().devices.name(device.index()) +
         (kernels_of(device.index()) ? ", kernels of golong's own" : ", LibTorch's kernels");
}

const DeviceKernels* device_kernels(const at::Tensor& x) { return x.is_cuda() ? kernels : nullptr; }

}  // namespace golong::nn

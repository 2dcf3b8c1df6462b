#include "core/cuda/nccl.h"

#include <c10/cuda/CUDAFunctions.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "core/parallel/backend.h"

namespace golong::cuda {
namespace {

class Nccl : public parallel::Backends {
 public:
  explicit Nccl(int device) : device_(static_cast<c10::DeviceIndex>(device)) {}

  c10::intrusive_ptr<c10d::Backend> make(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                         std::chrono::milliseconds timeout) const override {
    c10::cuda::set_device(device_);
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = timeout;
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options);
  }

 private:
  c10::DeviceIndex device_;
};

}  // namespace

std::shared_ptr<const parallel::Backends> nccl(int device) { return std::make_shared<Nccl>(device); }

}  // namespace golong::cuda

// Process groups of ranks that have a CUDA device each.
#pragma once
#include <memory>

namespace golong::parallel {
class Backends;
}

namespace golong::cuda {

std::shared_ptr<const parallel::Backends> nccl(int device);

}  // namespace golong::cuda

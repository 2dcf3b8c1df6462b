// The kernels as the layers call them, with tensors.
#pragma once
#include "core/nn/device_kernels.h"

namespace golong::cuda {

// nullptr where golong was built without nvcc.
const nn::DeviceKernels* device_kernels();

}  // namespace golong::cuda

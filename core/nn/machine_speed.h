// What this machine can do at best, measured when asked.
#pragma once
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>

namespace golong::nn {

// Seconds of the fastest of `times` calls.
double fastest_seconds(int64_t times, const std::function<void()>& run);

// Bytes a second that are read from the device's memory, by all threads of the CPU.
double measure_bandwidth(c10::Device device);
// Floating-point operations a second in a product of large matrices.
double measure_matmul(c10::ScalarType dtype, c10::Device device);

}  // namespace golong::nn

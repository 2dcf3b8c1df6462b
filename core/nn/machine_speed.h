// What this machine can do at best, measured when asked.
#pragma once
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>

namespace golong::nn {

// Seconds of the fastest of `times` calls.
double fastest_seconds(int64_t times, const std::function<void()>& run);

double measure_bandwidth();                    // bytes that all threads read from memory in a second
double measure_matmul(c10::ScalarType dtype);  // floating-point operations a second in a product of large matrices

}  // namespace golong::nn

#include "core/nn/machine_speed.h"

#include <ATen/ATen.h>

#include <chrono>

#include "core/nn/device.h"

namespace golong::nn {

double fastest_seconds(int64_t times, const std::function<void()>& run) {
  double best = 0;
  for (int64_t i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (i == 0 || seconds < best) best = seconds;
  }
  return best;
}

double measure_bandwidth(at::Device device) {
  const int64_t count = int64_t{1} << (device.is_cpu() ? 27 : 30);  // 0.5 and 4 gigabytes, which no cache holds
  const at::Tensor numbers = at::ones({count}, at::TensorOptions().dtype(at::kFloat).device(device));
  double sink = 0;
  const double seconds = fastest_seconds(4, [&] { sink += numbers.sum().item<double>(); });
  return sink > 0 ? static_cast<double>(count) * 4 / seconds : 0;
}

double measure_matmul(at::ScalarType dtype, at::Device device) {
  // As large as takes ten milliseconds: close to the best, and soon done where the type is slow.
  for (int64_t size = 512;; size *= 2) {
    const at::Tensor a = at::rand({size, size}, at::TensorOptions().device(device)).to(dtype), b = a.t().contiguous();
    at::Tensor c = at::empty_like(a);
    synchronize(device);
    const double seconds = fastest_seconds(6, [&] {
      at::mm_out(c, a, b);
      synchronize(device);
    });
    if (seconds >= 0.01 || size == 8192) return 2 * static_cast<double>(size * size * size) / seconds;
  }
}

}  // namespace golong::nn

#include "core/train/adamw_update.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cassert>
#include <cmath>

namespace golong {
namespace {

// One pass over memory: weights, gradient and both moments are read and written once.
void update(float* weight, const float* gradient, float* first, float* second, int64_t begin, int64_t end,
            const AdamWNumbers& u) {
  for (int64_t i = begin; i < end; ++i) {
    float g = gradient[i] * u.scale;
    float m = first[i] = u.beta1 * first[i] + (1 - u.beta1) * g;
    float v = second[i] = u.beta2 * second[i] + (1 - u.beta2) * g * g;
    float decayed = weight[i] * (1 - u.rate * u.decay);
    weight[i] = decayed - u.rate / u.correction1 * m / (std::sqrt(v) / u.correction2_root + u.epsilon);
  }
}

}  // namespace

void adamw_update(const at::Tensor& weight, const at::Tensor& gradient, const at::Tensor& first,
                  const at::Tensor& second, const AdamWNumbers& numbers) {
  assert(weight.numel() == gradient.numel() && weight.numel() == first.numel() && weight.numel() == second.numel());
  float *w = weight.data_ptr<float>(), *m = first.data_ptr<float>(), *v = second.data_ptr<float>();
  const float* g = gradient.const_data_ptr<float>();
  at::parallel_for(0, weight.numel(), 16384,
                   [&](int64_t begin, int64_t end) { update(w, g, m, v, begin, end, numbers); });
}

}  // namespace golong

#include "core/nn/layers.h"

#include <ATen/ATen.h>

namespace golong::nn {

at::Tensor Linear::operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  return at::rms_norm(x, {x.size(-1)}, weight, epsilon);
}

Rotary rotary(const at::Tensor& positions, int64_t head_dim, double theta) {
  at::Tensor exponent =
      at::arange(0, head_dim, 2, positions.options().dtype(at::kFloat)) / static_cast<double>(head_dim);
  at::Tensor frequency = at::pow(theta, exponent).reciprocal();                       // [D/2]
  at::Tensor angle = positions.to(at::kFloat).unsqueeze(1) * frequency.unsqueeze(0);  // [T, D/2]
  angle = at::cat({angle, angle}, 1).unsqueeze(1);                                    // [T, 1, D]
  return {angle.cos(), angle.sin()};
}

at::Tensor rotate(const at::Tensor& x, const Rotary& rotary) {
  int64_t half = x.size(-1) / 2;
  at::Tensor turned = at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
  if (x.scalar_type() == at::kFloat) return x * rotary.cos + turned * rotary.sin;
  return (x * rotary.cos.to(x.scalar_type()) + turned * rotary.sin.to(x.scalar_type()));
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) { return at::silu(gate) * up; }

}  // namespace golong::nn

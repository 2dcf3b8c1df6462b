// The numbers of tensors on the CPU as the kernels of our own take them: float, and uint16_t for bfloat16.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace golong::nn {

// Whether there are elementwise kernels for it (nn/row_kernels.h).
inline bool has_row_kernels(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

// Calls body(number) with a number of the type of x, which is one of the two.
template <class Body>
void with_type_of(const at::Tensor& x, const Body& body) {
  x.scalar_type() == at::kFloat ? body(float{}) : body(uint16_t{});
}

template <class Number = float>
const Number* data(const at::Tensor& x) {
  return static_cast<const Number*>(x.const_data_ptr());
}
template <class Number = float>
Number* mutable_data(const at::Tensor& x) {
  return static_cast<Number*>(x.mutable_data_ptr());
}

}  // namespace golong::nn

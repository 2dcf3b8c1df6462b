// AdamW's arithmetic on the CPU.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace golong {

// Of one step and one parameter: rates, and the corrections of the moments for having begun at 0.
struct AdamWNumbers {
  float rate, decay, beta1, beta2, epsilon, correction1, correction2_root;
  float scale;  // gradients are multiplied by it first
};

// Updates weight and moments in place, in parallel. All are float32 on the CPU, dense, of one size. What becomes of an
// element depends on nothing but its own four numbers: a parameter may be updated in parts.
void adamw_update(const at::Tensor& weight, const at::Tensor& gradient, const at::Tensor& first,
                  const at::Tensor& second, const AdamWNumbers& numbers);

}  // namespace golong

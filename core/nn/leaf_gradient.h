// Gradients of large parameters without a second copy: a backward pass that makes a gradient in parts adds them to the
// parameter's .grad itself, and returns nothing for autograd to add. torch::autograd::grad for such a parameter finds
// nothing.
#pragma once
#include <ATen/ATen.h>

namespace golong::nn {

// Where a backward pass adds the gradient to `x`, and what it returns for it: .grad and nothing for a leaf, a tensor of
// its own for what was computed. Zeros at first where there was none.
struct GradientSum {
  at::Tensor sum, returned;

  static GradientSum of(at::Tensor x) {
    if (!x.is_leaf()) {
      const at::Tensor own = at::zeros_like(x);
      return {own, own};
    }
    at::Tensor& gradient = x.mutable_grad();
    if (!gradient.defined()) gradient = at::zeros_like(x);
    return {gradient, {}};
  }
};

}  // namespace golong::nn

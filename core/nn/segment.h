// One segment of attention, forward and backward, on the kernel that fits device and dtype: ATen's flash attention on
// the CPU, plain matrix products elsewhere.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/nn/attention.h"

namespace golong::nn {

// See attend(). q [B, H, Tq, D], k and v [B, Hkv, Tk, D]; strides are free but for the last dimension, which is dense.
Partial segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale);

struct SegmentGradients {
  at::Tensor q, k, v;
};

// Gradients through this segment. `out` and `lse` are those of all segments merged: then the weights of this segment's
// keys are exp(score - lse), and the gradients of several segments add up to that of the whole.
SegmentGradients segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v, const Partial& merged, bool causal, double scale);

}  // namespace golong::nn

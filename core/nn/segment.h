// One segment of attention, forward and backward, on the kernel that fits device and dtype: ATen's flash attention on
// the CPU, plain matrix products elsewhere.
#pragma once
#include <ATen/core/Tensor.h>

namespace golong::nn {

// The result over one segment, or over several that are merged.
struct Partial {
  at::Tensor out;  // [B, H, Tq, D]
  at::Tensor lse;  // [B, H, Tq] float32, log of the sum of exp of the scaled scores
};

// q [B, H, Tq, D], k and v [B, Hkv, Tk, D], H a multiple of Hkv (grouped query); strides are free but for the last
// dimension, which is dense. `causal`: query i sees keys 0..i (aligned top-left). Tq and Tk must not be 0. No autograd.
Partial segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale);

struct SegmentGradients {
  at::Tensor q, k, v;
};

// Gradients through this segment. `out` and `lse` are those of all segments merged: then the weights of this segment's
// keys are exp(score - lse), and the gradients of several segments add up to that of the whole.
SegmentGradients segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v, const Partial& merged, bool causal, double scale);

}  // namespace golong::nn

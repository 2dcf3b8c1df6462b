// ATen's attention kernels on CUDA as segments: each is given the merged results of all segments in its backward pass.
#pragma once
#include "core/nn/segment.h"

namespace golong::nn {

bool has_cuda_segment(const at::Tensor& q);
Partial cuda_segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale);
SegmentGradients cuda_segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                       const at::Tensor& v, const Partial& merged, bool causal, double scale);

}  // namespace golong::nn

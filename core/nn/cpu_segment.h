// Segments on the CPU in float32 and bfloat16, by kernels of our own.
#pragma once
#include "core/nn/segment.h"
#include "core/nn/segment_kernel.h"

namespace golong::nn {

bool has_cpu_segment(const at::Tensor& q);

// What segment.h says. Numbers do not depend on how many threads there are. In bfloat16 the matrix unit computes
// (nn/amx_segment.h), or, where there is none, the kernels of float32. `kernels`, for tests, are those of float32 that
// then compute in either type.
Partial cpu_segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale,
                            const TileKernels* kernels = nullptr);
SegmentGradients cpu_segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                      const at::Tensor& v, const Partial& merged, bool causal, double scale,
                                      const TileKernels* kernels = nullptr);

}  // namespace golong::nn

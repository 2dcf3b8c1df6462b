// Segments on the CPU in float32, by kernels of our own.
#pragma once
#include "core/nn/segment.h"
#include "core/nn/segment_kernel.h"

namespace golong::nn {

bool has_cpu_segment(const at::Tensor& q);

// What segment.h says. Numbers do not depend on how many threads there are. `kernels` are for tests.
Partial cpu_segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale,
                            const TileKernels& kernels = tile_kernel_versions().front());
SegmentGradients cpu_segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                      const at::Tensor& v, const Partial& merged, bool causal, double scale,
                                      const TileKernels& kernels = tile_kernel_versions().front());

}  // namespace golong::nn

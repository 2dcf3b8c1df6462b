// The norms of a transformer, and the rotation of queries and keys. On the CPU each is one pass over memory, and so is
// its gradient.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace golong::nn {

// x [..., D] scaled to root mean square 1 along D (in float32), times weight [D].
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// The residual stream: `sum` is x, plus `added` where there is one, and `normed` is rms_norm(sum), which go on from
// here both. Made together, the norm reads the sum while it is in the cache; likewise with their gradients. x and what
// is added [..., D] are dense and of one shape and type; throws c10::Error else.
struct Residual {
  at::Tensor sum, normed;
};
Residual residual_norm(const at::Tensor& x, const std::optional<at::Tensor>& added, const at::Tensor& weight,
                       double epsilon);

// cos and sin of the rotary angles, times `scale`: positions [T] int64 and the angle of each pair of dimensions for one
// position, [D/2] float32 -> two tensors [T, 1, D], float32, halves repeated.
struct Rotary {
  at::Tensor cos;
  at::Tensor sin;
};
Rotary rotary(const at::Tensor& positions, const at::Tensor& frequencies, double scale = 1);

// Rotates x [T, H, D] (halves paired, as Hugging Face does): x cos + rotate_half(x) sin.
at::Tensor rotate(const at::Tensor& x, const Rotary& rotary);

// rotate(rms_norm(x)) of x [T, H, D], weight [D]; rotate(x) where the weight is undefined.
at::Tensor norm_rotate(const at::Tensor& x, const at::Tensor& weight, double epsilon, const Rotary& rotary);

}  // namespace golong::nn

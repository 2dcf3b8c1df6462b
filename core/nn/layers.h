// The layers of a transformer as free functions, and the one Linear that every projection goes through.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace golong::nn {

// A projection: weight [out, in], bias [out] or undefined. One type for all of them, so that storage formats, sharding
// and adapters have one place.
struct Linear {
  at::Tensor weight;
  at::Tensor bias;
  at::Tensor operator()(const at::Tensor& x) const;  // [..., in] -> [..., out]
};

// Logits of hidden states x [rows, C] over head [V, C]: [rows, V] float32.
at::Tensor logits(const at::Tensor& x, const at::Tensor& head);

// While one lives, a row's numbers in the projections that its thread calls do not depend on how many rows there are.
// On the CPU, without gradients; slower where there are many.
class RowByRow {
 public:
  explicit RowByRow(bool on = true);
  ~RowByRow();
  RowByRow(const RowByRow&) = delete;
  RowByRow& operator=(const RowByRow&) = delete;

 private:
  bool before_;
};

// x [..., D] scaled to root mean square 1 along D (in float32), times weight [D].
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// cos and sin of the rotary angles, times `scale`: positions [T] int64 and the angle of each pair of dimensions for one
// position, [D/2] float32 -> two tensors [T, 1, D], float32, halves repeated.
struct Rotary {
  at::Tensor cos;
  at::Tensor sin;
};
Rotary rotary(const at::Tensor& positions, const at::Tensor& frequencies, double scale = 1);

// Rotates x [T, H, D] (halves paired, as Hugging Face does): x cos + rotate_half(x) sin.
at::Tensor rotate(const at::Tensor& x, const Rotary& rotary);

// rotate(rms_norm(x)), or rotate(x) where there is no weight.
at::Tensor norm_rotate(const at::Tensor& x, const at::Tensor& weight, double epsilon, const Rotary& rotary);

// silu(gate) * up
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

}  // namespace golong::nn

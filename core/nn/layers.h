// The one Linear that every projection of a transformer goes through, and the gate of its MLPs.
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

// silu(gate) * up. Takes both over: on the CPU the backward pass, of which there is one, writes their gradients in
// their place.
at::Tensor swiglu(at::Tensor&& gate, at::Tensor&& up);

}  // namespace golong::nn

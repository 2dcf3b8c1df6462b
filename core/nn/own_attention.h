// Responses of packed groups on themselves: causal segments of many lengths.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/segment.h"

namespace golong::nn {

// One response in a packed sequence.
struct Piece {
  int64_t start, length;  // at least one token
};

// Attention of each piece on itself, merged into out [T, H, D] and lse [T, H], which hold what its tokens saw before.
// q [T, H, D], k and v [T, Hkv, D]. Pieces are in order.
void own_forward(const std::vector<Piece>& pieces, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 double scale, at::Tensor& out, at::Tensor& lse);

// Its gradients, out and lse being those of all segments merged: the one to q is added, those to k and v are written.
void own_backward(const std::vector<Piece>& pieces, const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, const at::Tensor& out, const at::Tensor& lse, double scale, SegmentGradients to);

}  // namespace golong::nn

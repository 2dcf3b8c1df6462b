// Responses of packed groups on themselves: causal segments of many lengths, run as a few padded batches.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/segment.h"

namespace golong::nn {

// Responses of similar length, from any groups, that are run as one padded batch of causal segments.
struct Bucket {
  int64_t rows = 0;
  int64_t length = 0;
  std::vector<int64_t> gather;  // [rows * length] token of each place; padding repeats a response's last token
  std::vector<int64_t> places;  // places that are no padding
  std::vector<int64_t> tokens;  // the tokens of those places
};

// One response in a packed sequence.
struct Piece {
  int64_t start, length;
};

// Pieces of length 0 must not be among them.
std::vector<Bucket> make_buckets(std::vector<Piece> pieces);

// Attention of each piece on itself, merged into out [T, H, D] and lse [T, H], which hold what its tokens saw before.
// q [T, H, D], k and v [T, Hkv, D].
void own_forward(const std::vector<Bucket>& buckets, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 double scale, at::Tensor& out, at::Tensor& lse);

// Its gradients, out and lse being those of all segments merged: the one to q is added, those to k and v are written.
void own_backward(const std::vector<Bucket>& buckets, const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, const at::Tensor& out, const at::Tensor& lse, double scale, SegmentGradients to);

// [T, H, D] -> [1, H, count, D] without a copy, and back: [1, H, count, D] -> [count, H, D].
at::Tensor span(const at::Tensor& x, int64_t start, int64_t count);
at::Tensor rows(const at::Tensor& x);

}  // namespace golong::nn

// Causal segments of many lengths, run as a few padded batches.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/own_attention.h"
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

// Pieces of length 0 must not be among them.
std::vector<Bucket> make_buckets(std::vector<Piece> pieces);

// What own_attention.h says, of the pieces in the buckets.
void buckets_forward(const std::vector<Bucket>& buckets, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 double scale, at::Tensor& out, at::Tensor& lse);

void buckets_backward(const std::vector<Bucket>& buckets, const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, const at::Tensor& out, const at::Tensor& lse, double scale, SegmentGradients to);

}  // namespace golong::nn

// One segment of attention, forward and backward, on the kernel that fits device and dtype: on the CPU our own; on CUDA
// cuDNN's, flash attention or the memory-efficient one; plain matrix products where none fits.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace golong::nn {

// The result over one segment, or over several that are merged.
struct Partial {
  at::Tensor out;  // [B, H, Tq, D]
  at::Tensor lse;  // [B, H, Tq] float32, log of the sum of exp of the scaled scores
};

// q [B, H, Tq, D], k and v [B, Hkv, Tk, D], H a multiple of Hkv (grouped query); strides are free but for the last
// dimension, which is dense. `causal`: query i sees keys 0..i (aligned top-left; on CUDA Tq must be Tk). Tq and Tk must
// not be 0. No autograd.
Partial segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale);

struct SegmentGradients {
  at::Tensor q, k, v;
};

// Gradients through this segment. `out` and `lse` are those of all segments merged: then the weights of this segment's
// keys are exp(score - lse), and the gradients of several segments add up to that of the whole.
SegmentGradients segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v, const Partial& merged, bool causal, double scale);

// Whether causal segments of any lengths, one behind the other, can be run at once: q [T, H, D], k and v [T, Hkv, D],
// T the sum of the lengths, none of them 0.
bool has_chain(const at::Tensor& q);
// out [T, H, D], lse [T, H]
Partial chain_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const std::vector<int64_t>& lengths, double scale);
// Likewise [T, heads, D].
SegmentGradients chain_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v, const Partial& merged, const std::vector<int64_t>& lengths,
                                double scale);

// Keys or values [B, Hkv, T, D] repeated for the `heads` query heads that share them, and the sum of gradients
// [B, H, T, D] over the query heads that share one.
at::Tensor spread_heads(const at::Tensor& kv, int64_t heads);
at::Tensor gather_heads(const at::Tensor& grad, int64_t kv_heads);

// Merges a second result into rows of the first: out [n, H, D], lse [n, H].
void merge_rows(at::Tensor& out, at::Tensor& lse, const at::Tensor& other_out, const at::Tensor& other_lse);

// [T, H, D] -> [1, H, count, D] without a copy, and back: [1, H, count, D] -> [count, H, D].
at::Tensor span(const at::Tensor& x, int64_t start, int64_t count);
at::Tensor rows(const at::Tensor& x);

}  // namespace golong::nn

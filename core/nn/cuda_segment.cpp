#include "core/nn/cuda_segment.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/ops/_efficient_attention_backward.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention_backward.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>

namespace golong::nn {
namespace {

// flash: any lengths, bfloat16. cudnn: twice as fast, but it makes a plan for each new shape, and adds up gradients to
// queries in no fixed order. efficient: float32.
enum class Kernel { none, flash, cudnn, efficient };

Kernel kernel_of(const at::Tensor& q) {
  const int64_t d = q.size(-1);
  if (!q.is_cuda() || d % 8 != 0 || d > 256) return Kernel::none;
  if (q.scalar_type() == at::kFloat) return Kernel::efficient;
  return q.scalar_type() == at::kBFloat16 ? Kernel::flash : Kernel::none;
}

Kernel kernel_of(const at::Tensor& q, const at::Tensor& k) {
  constexpr int64_t kWorthAPlan = int64_t{1} << 22;  // pairs of queries and keys
  const Kernel kernel = kernel_of(q);
  const bool large = q.size(2) >= 128 && q.size(2) * k.size(2) >= kWorthAPlan && q.size(-1) <= 128;
  return kernel == Kernel::flash && large && !at::globalContext().deterministicAlgorithms() ? Kernel::cudnn : kernel;
}

// [B, H, T, D] and [B, T, H, D]
at::Tensor turned(const at::Tensor& x) { return x.transpose(1, 2); }

// What kernels with dropout would need; there is none.
at::Tensor no_seed(const at::Tensor& like) { return at::zeros({2}, like.options().dtype(at::kUInt64)); }
at::Tensor nothing(const at::Tensor& like) { return at::empty({0}, like.options().dtype(at::kUInt64)); }
at::Tensor no_offset(const at::Tensor& like) { return at::zeros({}, like.options().dtype(at::kLong)); }

constexpr int64_t kCausal = 1, kAll = 0;  // masks of the memory-efficient kernel, aligned top-left

Partial efficient_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale) {
  auto [out, lse, seed, offset, longest_q, longest_k] = at::_efficient_attention_forward(
      turned(q), turned(spread_heads(k, q.size(1))), turned(spread_heads(v, q.size(1))), {}, {}, {}, {}, {}, 0.0,
      causal ? kCausal : kAll, /*compute_log_sumexp=*/true, scale);
  return {turned(out), lse.narrow(2, 0, q.size(2))};  // it has rows up to a multiple of 32
}

SegmentGradients efficient_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                    const at::Tensor& v, const Partial& merged, bool causal, double scale) {
  const int64_t padded = (q.size(2) + 31) / 32 * 32;
  at::Tensor lse =
      at::full({q.size(0), q.size(1), padded}, std::numeric_limits<float>::infinity(), merged.lse.options());
  lse.narrow(2, 0, q.size(2)).copy_(merged.lse);
  auto [gq, gk, gv, gbias] = at::_efficient_attention_backward(
      turned(grad_out), turned(q), turned(spread_heads(k, q.size(1))), turned(spread_heads(v, q.size(1))), {},
      turned(merged.out), {}, {}, q.size(2), k.size(2), lse, 0.0, no_offset(q), no_offset(q), causal ? kCausal : kAll,
      /*bias_requires_grad=*/false, scale);
  return {turned(gq), gather_heads(turned(gk), k.size(1)), gather_heads(turned(gv), v.size(1))};
}

// Where each of some lengths begins, and the end.
at::Tensor starts_of(const std::vector<int64_t>& lengths, const at::Tensor& like) {
  std::vector<int32_t> starts{0};
  for (int64_t length : lengths) starts.push_back(starts.back() + static_cast<int32_t>(length));
  return at::tensor(starts, at::kInt).to(like.device());
}

}  // namespace

bool has_cuda_segment(const at::Tensor& q) { return kernel_of(q) != Kernel::none; }

Partial cuda_segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale) {
  assert(!causal || q.size(2) == k.size(2));
  const Kernel kernel = kernel_of(q, k);
  if (kernel == Kernel::efficient) return efficient_forward(q, k, v, causal, scale);
  if (kernel == Kernel::cudnn) {
    auto [out, lse, starts_q, starts_k, longest_q, longest_k, seed, offset, mask] =
        at::_scaled_dot_product_cudnn_attention(q, k, v, {}, /*compute_log_sumexp=*/true, 0.0, causal, false, scale);
    return {out, lse.view({q.size(0), q.size(1), q.size(2)})};
  }
  auto [out, lse, seed, unused, mask] = at::_flash_attention_forward(turned(q), turned(k), turned(v), {}, {}, q.size(2),
                                                                     k.size(2), 0.0, causal, false, scale);
  return {turned(out), lse};
}

SegmentGradients cuda_segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                       const at::Tensor& v, const Partial& merged, bool causal, double scale) {
  const Kernel kernel = kernel_of(q, k);
  if (kernel == Kernel::efficient) return efficient_backward(grad_out, q, k, v, merged, causal, scale);
  const at::Tensor lse = merged.lse.contiguous();
  if (kernel == Kernel::cudnn) {
    auto [gq, gk, gv] = at::_scaled_dot_product_cudnn_attention_backward(
        grad_out, q, k, v, merged.out, lse.unsqueeze(-1), no_offset(q), no_offset(q), {}, {}, {}, q.size(2), k.size(2),
        0.0, causal, scale);
    return {gq, gk, gv};
  }
  auto [gq, gk, gv] =
      at::_flash_attention_backward(turned(grad_out), turned(q), turned(k), turned(v), turned(merged.out), lse, {}, {},
                                    q.size(2), k.size(2), 0.0, causal, no_seed(q), nothing(q), scale);
  return {turned(gq), turned(gk), turned(gv)};
}

bool has_chain(const at::Tensor& q) { return kernel_of(q) == Kernel::flash; }

Partial chain_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const std::vector<int64_t>& lengths, double scale) {
  const at::Tensor starts = starts_of(lengths, q);
  const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  auto [out, lse, seed, unused, mask] = at::_flash_attention_forward(q, k, v, starts, starts, longest, longest, 0.0,
                                                                     /*is_causal=*/true, false, scale);
  return {out, lse.t()};
}

SegmentGradients chain_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v, const Partial& merged, const std::vector<int64_t>& lengths,
                                double scale) {
  const at::Tensor starts = starts_of(lengths, q);
  const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  auto [gq, gk, gv] =
      at::_flash_attention_backward(grad_out, q, k, v, merged.out, merged.lse.t().contiguous(), starts, starts, longest,
                                    longest, 0.0, /*is_causal=*/true, no_seed(q), nothing(q), scale);
  return {gq, gk, gv};
}

}  // namespace golong::nn

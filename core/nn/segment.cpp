#include "core/nn/segment.h"

#include <ATen/ATen.h>

#include <cassert>
#include <limits>

#include "core/nn/cpu_segment.h"
#include "core/nn/cuda_segment.h"

namespace golong::nn {
namespace {

// Scores [B, H, Tq, Tk] in float32 (float64 for float64).
at::Tensor scores(const at::Tensor& q, const at::Tensor& k, bool causal, double scale) {
  at::ScalarType wide = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor s = at::matmul(q.to(wide), spread_heads(k, q.size(1)).to(wide).transpose(-2, -1)).mul_(scale);
  if (causal) {
    at::Tensor hidden = at::ones({q.size(2), k.size(2)}, q.options().dtype(at::kBool)).triu_(1);
    s.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  }
  return s;
}

}  // namespace

Partial segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale) {
  assert(q.size(2) > 0 && k.size(2) > 0);
  if (has_cpu_segment(q)) return cpu_segment_forward(q, k, v, causal, scale);
  if (has_cuda_segment(q)) return cuda_segment_forward(q, k, v, causal, scale);
  at::Tensor s = scores(q, k, causal, scale);
  at::Tensor lse = at::logsumexp(s, {-1});
  at::Tensor weights = s.sub_(lse.unsqueeze(-1)).exp_();
  return {at::matmul(weights, spread_heads(v, q.size(1)).to(weights.scalar_type())).to(q.scalar_type()), lse};
}

SegmentGradients segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v, const Partial& merged, bool causal, double scale) {
  if (has_cpu_segment(q)) return cpu_segment_backward(grad_out, q, k, v, merged, causal, scale);
  if (has_cuda_segment(q)) return cuda_segment_backward(grad_out, q, k, v, merged, causal, scale);
  at::Tensor weights = scores(q, k, causal, scale).sub_(merged.lse.unsqueeze(-1)).exp_();
  at::ScalarType wide = weights.scalar_type();
  at::Tensor g = grad_out.to(wide), keys = spread_heads(k, q.size(1)).to(wide),
             values = spread_heads(v, q.size(1)).to(wide);
  at::Tensor delta = (g * merged.out.to(wide)).sum(-1, true);
  at::Tensor ds = weights * (at::matmul(g, values.transpose(-2, -1)) - delta);
  return {at::matmul(ds, keys).mul_(scale).to(q.scalar_type()),
          gather_heads(at::matmul(ds.transpose(-2, -1), q.to(wide)).mul_(scale), k.size(1)).to(k.scalar_type()),
          gather_heads(at::matmul(weights.transpose(-2, -1), g), v.size(1)).to(v.scalar_type())};
}

at::Tensor spread_heads(const at::Tensor& kv, int64_t heads) {
  const int64_t times = heads / kv.size(1);
  return times == 1 ? kv : kv.repeat_interleave(times, 1);
}

at::Tensor gather_heads(const at::Tensor& grad, int64_t kv_heads) {
  if (grad.size(1) == kv_heads) return grad;
  return grad.unflatten(1, {kv_heads, grad.size(1) / kv_heads}).sum(2);
}

void merge_rows(at::Tensor& out, at::Tensor& lse, const at::Tensor& other_out, const at::Tensor& other_lse) {
  at::Tensor merged = at::logaddexp(lse, other_lse);
  at::Tensor mine = (lse - merged).exp_().unsqueeze(-1), theirs = (other_lse - merged).exp_().unsqueeze(-1);
  out = (out * mine + other_out * theirs).to(out.scalar_type());
  lse = merged;
}

at::Tensor span(const at::Tensor& x, int64_t start, int64_t count) {
  return x.narrow(0, start, count).transpose(0, 1).unsqueeze(0);
}

at::Tensor rows(const at::Tensor& x) { return x.squeeze(0).transpose(0, 1); }

}  // namespace golong::nn

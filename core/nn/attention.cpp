#include "core/nn/attention.h"

#include <ATen/ATen.h>

#include <limits>
#include <numeric>

#include "core/nn/segment.h"

namespace golong::nn {

int64_t GroupLayout::tokens() const { return std::accumulate(responses.begin(), responses.end(), prompt); }

Partial attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale) {
  return segment_forward(q, k, v, causal, scale);
}

Partial merge(const std::vector<Partial>& partials) {
  if (partials.size() == 1) return partials[0];
  at::Tensor lse = partials[0].lse;
  for (size_t i = 1; i < partials.size(); ++i) lse = at::logaddexp(lse, partials[i].lse);
  at::Tensor out;
  for (const Partial& partial : partials) {
    at::Tensor weight = (partial.lse - lse).exp_().unsqueeze(-1);
    out = out.defined() ? out.addcmul_(partial.out.to(at::kFloat), weight) : partial.out.to(at::kFloat) * weight;
  }
  return {out.to(partials[0].out.scalar_type()), lse};
}

}  // namespace golong::nn

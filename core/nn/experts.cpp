#include "core/nn/experts.h"

#include <ATen/ATen.h>

namespace golong::nn {

at::Tensor Mlp::operator()(const at::Tensor& x) const { return down(swiglu(gate(x), up(x))); }

at::Tensor mix_experts(const at::Tensor& x, const Linear& router, const std::vector<Mlp>& experts, int64_t per_token,
                       bool normalize) {
  const auto count = static_cast<int64_t>(experts.size());
  const at::Tensor probabilities = at::softmax(router(x), -1, at::kFloat);
  auto [weights, chosen] = at::topk(probabilities, per_token);  // [T, K]
  if (normalize) weights = weights / weights.sum(-1, true);
  // Calls of a token with an expert, those of one expert together, in the order of the tokens.
  const at::Tensor calls = chosen.flatten(), order = at::argsort(calls, /*stable=*/true, /*dim=*/0);
  const at::Tensor sizes = at::bincount(calls, {}, count).cpu();
  const at::Tensor inputs = x.index_select(0, at::div(order, per_token, "floor"));
  std::vector<at::Tensor> outputs;
  for (int64_t e = 0, start = 0; e < count; ++e) {
    const int64_t size = sizes.const_data_ptr<int64_t>()[e];
    if (size > 0) outputs.push_back(experts[static_cast<size_t>(e)](inputs.narrow(0, start, size)));
    start += size;
  }
  const at::Tensor places = at::empty_like(order).scatter_(0, order, at::arange(order.size(0), order.options()));
  const at::Tensor by_token = at::cat(outputs).index_select(0, places).view({x.size(0), per_token, x.size(1)});
  return (by_token * weights.to(x.scalar_type()).unsqueeze(-1)).sum(1);
}

}  // namespace golong::nn

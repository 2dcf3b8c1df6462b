#include "core/nn/experts.h"

#include <ATen/ATen.h>
#include <ATen/ops/_grouped_mm.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cassert>

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// x [N, in] by the matrices `all` [E, out, in], of which `weights` are the parts: rows up to ends[e] by the e-th.
struct GroupedProduct : torch::autograd::Function<GroupedProduct> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& all, const at::Tensor& ends,
                            at::TensorList) {
    ctx->save_for_backward({x, all, ends});
    return at::_grouped_mm(x, all.transpose(1, 2), ends);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &all = saved[1], &ends = saved[2], grad = gradients[0].contiguous();
    variable_list result{at::_grouped_mm(grad, all, ends), {}, {}};
    const at::Tensor to_all = at::_grouped_mm(grad.t(), x, ends);
    for (int64_t e = 0; e < all.size(0); ++e) result.push_back(to_all.select(0, e));
    return result;
  }
};

}  // namespace

at::Tensor Mlp::operator()(const at::Tensor& x) const { return down(swiglu(gate(x), up(x))); }

void Experts::Stack::add(at::Tensor& weight, size_t place, size_t count) {
  if (!all.defined()) {
    all = at::empty({static_cast<int64_t>(count), weight.size(0), weight.size(1)}, weight.options());
  }
  const at::Tensor part = all.select(0, static_cast<int64_t>(place));
  part.copy_(weight.detach());
  weight.set_data(part);
  each.push_back(weight);
}

at::Tensor Experts::Stack::operator()(const at::Tensor& x, const at::Tensor& ends) const {
  return c10::GradMode::is_enabled() ? GroupedProduct::apply(x, all, ends, at::TensorList(each))
                                     : at::_grouped_mm(x, all.transpose(1, 2), ends);
}

void Experts::add(Mlp expert) {
  assert(each_.size() < each_.capacity());
  if (expert.gate.weight.is_cuda()) {
    gate_.add(expert.gate.weight, each_.size(), each_.capacity());
    up_.add(expert.up.weight, each_.size(), each_.capacity());
    down_.add(expert.down.weight, each_.size(), each_.capacity());
  }
  each_.push_back(std::move(expert));
}

// The kernel takes rows that begin at multiples of 16 bytes.
bool Experts::is_stacked(const at::Tensor& x) const {
  return gate_.all.defined() && x.scalar_type() == at::kBFloat16 && gate_.all.size(1) % 8 == 0 && x.size(1) % 8 == 0;
}

at::Tensor Experts::operator()(const at::Tensor& x, const at::Tensor& ends) const {
  if (is_stacked(x)) return down_(swiglu(gate_(x, ends), up_(x, ends)), ends);
  const at::Tensor last = ends.cpu();
  std::vector<at::Tensor> outputs;
  int64_t start = 0;
  for (size_t e = 0; e < each_.size(); ++e) {
    const int64_t end = last.const_data_ptr<int32_t>()[e];
    if (end > start) outputs.push_back(each_[e](x.narrow(0, start, end - start)));
    start = end;
  }
  return at::cat(outputs);
}

at::Tensor mix_experts(const at::Tensor& x, const Linear& router, const Experts& experts, int64_t per_token,
                       bool normalize) {
  const at::Tensor probabilities = at::softmax(router(x), -1, at::kFloat);
  auto [weights, chosen] = at::topk(probabilities, per_token);  // [T, K]
  if (normalize) weights = weights / weights.sum(-1, true);
  // Calls of a token with an expert, those of one expert together, in the order of the tokens.
  const at::Tensor calls = chosen.flatten(), order = at::argsort(calls, /*stable=*/true, /*dim=*/0);
  const at::Tensor ends =
      at::searchsorted(calls.index_select(0, order), at::arange(1, experts.count() + 1, calls.options()),
                       /*out_int32=*/true);
  const at::Tensor outputs = experts(x.index_select(0, at::div(order, per_token, "floor")), ends);
  const at::Tensor places = at::empty_like(order).scatter_(0, order, at::arange(order.size(0), order.options()));
  const at::Tensor by_token = outputs.index_select(0, places).view({x.size(0), per_token, x.size(1)});
  return (by_token * weights.to(x.scalar_type()).unsqueeze(-1)).sum(1);
}

}  // namespace golong::nn

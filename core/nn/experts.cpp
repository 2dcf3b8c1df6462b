#include "core/nn/experts.h"

#include <ATen/ATen.h>
#include <ATen/ops/_grouped_mm.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cassert>

#include "core/nn/exchange.h"

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

at::Tensor product(const at::Tensor& x, const at::Tensor& all, const at::Tensor& ends, at::TensorList weights) {
  return c10::GradMode::is_enabled() ? GroupedProduct::apply(x, all, ends, weights)
                                     : at::_grouped_mm(x, all.transpose(1, 2), ends);
}

// Where the i-th value stands after the sorting that gave `order`.
at::Tensor places_of(const at::Tensor& order) {
  return at::empty_like(order).scatter_(0, order, at::arange(order.size(0), order.options()));
}

// `rows` by expert, of all experts, up to `ends` -> their outputs. Each goes to the rank that keeps its expert, where
// those of one expert stand by rank, and comes back. Rows are large: each is given up where it is of no more use.
at::Tensor run_on_ranks(at::Tensor rows, const at::Tensor& ends, const Experts& experts, const parallel::Group& group) {
  const int64_t ranks = group.size(), here = experts.count();
  const at::Tensor going = at::diff(ends, 1, 0, at::zeros({1}, ends.options())).to(at::kLong);  // of each expert
  const std::vector<int64_t> evenly(static_cast<size_t>(ranks), here);
  const at::Tensor coming = group.exchange(going, evenly, evenly).view({ranks, here});     // to each expert here
  const at::Tensor rows_of = at::stack({going.view({ranks, here}), coming}).sum(2).cpu();  // [2, ranks]
  const auto* counts = rows_of.const_data_ptr<int64_t>();
  const std::vector<int64_t> send(counts, counts + ranks), receive(counts + ranks, counts + 2 * ranks);
  rows = exchange_rows(rows, send, receive, group);
  const at::Tensor expert = at::arange(here, coming.options())
                                .repeat({ranks})
                                .repeat_interleave(coming.flatten(), /*dim=*/0, /*output_size=*/rows.size(0));
  const at::Tensor order = at::argsort(expert, /*stable=*/true, /*dim=*/0);
  rows = rows.index_select(0, order);
  rows = experts(rows, coming.sum(0).cumsum(0).to(at::kInt));
  rows = rows.index_select(0, places_of(order));
  return exchange_rows(rows, receive, send, group);
}

}  // namespace

at::Tensor Mlp::operator()(const at::Tensor& x) const { return down(swiglu(gate(x), up(x))); }

void Experts::Stack::add(at::Tensor& weight, size_t count) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const at::Tensor part =
      each.empty() ? at::empty({static_cast<int64_t>(count), out, in}, weight.options()).select(0, 0)
                   : each[0].detach().as_strided({out, in}, {in, 1}, static_cast<int64_t>(each.size()) * out * in);
  part.copy_(weight.detach());
  weight.set_data(part);
  each.push_back(weight);
}

// [E, out, in]: the weights themselves, or undefined where they do not lie so that the kernel takes them: matrices and
// their rows begin at multiples of 16 bytes.
at::Tensor Experts::Stack::all() const {
  constexpr int64_t kNumbers = 16 / sizeof(at::BFloat16);
  const at::Tensor first = each[0].detach();
  const int64_t start = first.storage_offset(), out = first.size(0), in = first.size(1);
  const int64_t distance = each.size() > 1 ? each[1].storage_offset() - start : out * in;
  if (first.scalar_type() != at::kBFloat16 || start % kNumbers != 0 || distance % kNumbers != 0 || in % kNumbers != 0 ||
      distance < out * in) {
    return {};
  }
  for (size_t e = 0; e < each.size(); ++e) {
    if (!each[e].storage().is_alias_of(first.storage()) || !each[e].is_contiguous() ||
        each[e].storage_offset() != start + static_cast<int64_t>(e) * distance) {
      return {};
    }
  }
  return first.as_strided({static_cast<int64_t>(each.size()), out, in}, {distance, in, 1});
}

void Experts::add(Mlp expert) {
  assert(each_.size() < each_.capacity());
  if (expert.gate.weight.is_cuda()) {
    gate_.add(expert.gate.weight, each_.capacity());
    up_.add(expert.up.weight, each_.capacity());
    down_.add(expert.down.weight, each_.capacity());
  }
  each_.push_back(std::move(expert));
}

at::Tensor Experts::operator()(const at::Tensor& x, const at::Tensor& ends) const {
  if (x.size(0) == 0) return x;
  if (x.is_cuda()) {
    const at::Tensor gate = gate_.all(), up = up_.all(), down = down_.all();
    if (gate.defined() && up.defined() && down.defined()) {
      const auto times = [&](const at::Tensor& rows, const at::Tensor& all, const Stack& stack) {
        return product(rows, all, ends, stack.each);
      };
      return times(swiglu(times(x, gate, gate_), times(x, up, up_)), down, down_);
    }
  }
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
                       bool normalize, const parallel::Group& group) {
  const at::Tensor probabilities = at::softmax(router(x), -1, at::kFloat);
  auto [weights, chosen] = at::topk(probabilities, per_token);  // [T, K]
  if (normalize) weights = weights / weights.sum(-1, true);
  // Calls of a token with an expert, those of one expert together, in the order of the tokens.
  const at::Tensor calls = chosen.flatten(), order = at::argsort(calls, /*stable=*/true, /*dim=*/0);
  const at::Tensor ends = at::searchsorted(
      calls.index_select(0, order), at::arange(1, router.weight.size(0) + 1, calls.options()), /*out_int32=*/true);
  at::Tensor rows = x.index_select(0, at::div(order, per_token, "floor"));
  const at::Tensor outputs = group.alone() ? experts(rows, ends) : run_on_ranks(std::move(rows), ends, experts, group);
  const at::Tensor by_token = outputs.index_select(0, places_of(order)).view({x.size(0), per_token, x.size(1)});
  return (by_token * weights.to(x.scalar_type()).unsqueeze(-1)).sum(1);
}

}  // namespace golong::nn

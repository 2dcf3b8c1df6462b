#include "core/nn/shared_rows.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/nn/capsule.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct SharedRowsFunction : torch::autograd::Function<SharedRowsFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& index,
                            const parallel::Group& ranks) {
    at::Tensor shared =
        ranks.rank() == 0 ? x.index_select(0, index) : at::empty({index.size(0), x.size(1)}, x.options());
    ranks.broadcast(shared, 0);
    ctx->save_for_backward({index});
    ctx->saved_data["rows"] = x.size(0);
    ctx->saved_data["ranks"] = capsule(ranks);
    return shared;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const parallel::Group& ranks = held<parallel::Group>(ctx->saved_data["ranks"]);
    const at::Tensor& grad = gradients[0];
    const at::Tensor sum = grad.to(grad.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).clone();
    ranks.sum(sum);
    at::Tensor to_x = at::zeros({ctx->saved_data["rows"].toInt(), grad.size(1)}, grad.options());
    if (ranks.rank() == 0) to_x.index_add_(0, ctx->get_saved_variables()[0], sum.to(grad.scalar_type()));
    return {to_x, {}, {}};
  }
};

}  // namespace

at::Tensor shared_rows(const at::Tensor& x, const at::Tensor& index, const parallel::Group& ranks) {
  return SharedRowsFunction::apply(x, index, ranks);
}

}  // namespace golong::nn

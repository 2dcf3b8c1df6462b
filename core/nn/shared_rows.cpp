#include "core/nn/shared_rows.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// How an autograd context holds a group.
struct Held : torch::CustomClassHolder {
  explicit Held(parallel::Group g) : ranks(std::move(g)) {}
  parallel::Group ranks;
};

struct SharedRowsFunction : torch::autograd::Function<SharedRowsFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& index,
                            const parallel::Group& ranks) {
    at::Tensor shared =
        ranks.rank() == 0 ? x.index_select(0, index) : at::empty({index.size(0), x.size(1)}, x.options());
    ranks.broadcast(shared, 0);
    ctx->save_for_backward({index});
    ctx->saved_data["rows"] = x.size(0);
    ctx->saved_data["ranks"] = c10::IValue::make_capsule(c10::make_intrusive<Held>(ranks));
    return shared;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto held = ctx->saved_data["ranks"].toCapsule();
    const parallel::Group& ranks = static_cast<const Held&>(*held).ranks;
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

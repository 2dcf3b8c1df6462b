#include "core/nn/embedding.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/nn/leaf_gradient.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct EmbeddingFunction : torch::autograd::Function<EmbeddingFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& table, const at::Tensor& token_ids) {
    ctx->save_for_backward({table, token_ids});
    return at::embedding(table, token_ids);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor& table = saved[0];
    const GradientSum to = GradientSum::of(table);
    const at::ScalarType wide = table.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const auto [tokens, places, counts] = at::_unique2(saved[1], /*sorted=*/true, /*return_inverse=*/true);
    const at::Tensor rows = at::embedding_dense_backward(gradients[0].to(wide), places, tokens.size(0), -1, false);
    at::Tensor(to.sum).index_add_(0, tokens, rows.to(table.scalar_type()));
    return {to.returned, at::Tensor()};
  }
};

}  // namespace

at::Tensor embedding(const at::Tensor& table, const at::Tensor& token_ids) {
  return EmbeddingFunction::apply(table, token_ids);
}

}  // namespace golong::nn

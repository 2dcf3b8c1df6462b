#include "core/model/layer_weights.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace golong {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// How a context holds who is called; it owns nothing.
int64_t to_number(LayerWeights& weights) { return reinterpret_cast<int64_t>(&weights); }
LayerWeights& weights_of(AutogradContext* ctx) {
  return *reinterpret_cast<LayerWeights*>(ctx->saved_data["weights"].toInt());
}

struct EnterLayer : torch::autograd::Function<EnterLayer> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, int64_t weights, int64_t layer) {
    ctx->saved_data["weights"] = weights;
    ctx->saved_data["layer"] = layer;
    return x.view_as(x);
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    weights_of(ctx).after_backward(ctx->saved_data["layer"].toInt());
    return {gradients[0], at::Tensor(), at::Tensor()};
  }
};

struct LeaveLayer : torch::autograd::Function<LeaveLayer> {
  static variable_list forward(AutogradContext* ctx, at::TensorList outputs, int64_t weights, int64_t layer) {
    ctx->saved_data["weights"] = weights;
    ctx->saved_data["layer"] = layer;
    ctx->set_materialize_grads(false);  // keys and values have none of their own where nobody keeps them
    variable_list same;
    for (const at::Tensor& output : outputs) same.push_back(output.view_as(output));
    return same;
  }
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    weights_of(ctx).before_backward(ctx->saved_data["layer"].toInt());
    gradients.resize(gradients.size() + 2);
    return gradients;
  }
};

}  // namespace

at::Tensor enter_layer(LayerWeights& weights, int64_t layer, const at::Tensor& x) {
  weights.before_forward(layer);
  return x.requires_grad() ? EnterLayer::apply(x, to_number(weights), layer) : x;
}

std::vector<at::Tensor> leave_layer(LayerWeights& weights, int64_t layer, const std::vector<at::Tensor>& outputs) {
  weights.after_forward(layer);
  return outputs[0].requires_grad() ? LeaveLayer::apply(at::TensorList(outputs), to_number(weights), layer) : outputs;
}

}  // namespace golong

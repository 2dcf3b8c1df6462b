#include "core/nn/recompute.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cassert>

#include "core/nn/capsule.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Runs the body on a leaf in place of x.
variable_list run(const Body& body, const at::Tensor& x, at::Tensor& leaf) {
  const c10::AutoGradMode gradients(true);
  leaf = x.detach().requires_grad_(true);
  return body(leaf);
}

struct RecomputeFunction : torch::autograd::Function<RecomputeFunction> {
  // With gradients on here, too: some products take another kernel without (nn/layers.cpp), whose numbers differ. The
  // graph that this makes is dropped at once.
  static variable_list forward(AutogradContext* ctx, const at::Tensor& x, const Body& body) {
    at::Tensor leaf;
    variable_list outputs = run(body, x, leaf);
    for (at::Tensor& output : outputs) output = output.detach();
    ctx->save_for_backward({x});
    ctx->saved_data["body"] = capsule(body);
    ctx->set_materialize_grads(false);
    return outputs;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    at::Tensor leaf;
    const variable_list outputs = run(held<Body>(ctx->saved_data["body"]), ctx->get_saved_variables()[0], leaf);
    variable_list reached, theirs;  // outputs that have a gradient
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!gradients[i].defined()) continue;
      reached.push_back(outputs[i]);
      theirs.push_back(gradients[i]);
    }
    torch::autograd::backward(reached, theirs);
    return {leaf.grad(), at::Tensor()};
  }
};

}  // namespace

std::vector<at::Tensor> recomputed(const Body& body, const at::Tensor& x) {
  assert(c10::GradMode::is_enabled() && x.requires_grad());
  return RecomputeFunction::apply(x, body);
}

}  // namespace golong::nn

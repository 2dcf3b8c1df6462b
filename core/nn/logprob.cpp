#include "core/nn/logprob.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor chunk_logits(const at::Tensor& hidden, const at::Tensor& head, int64_t start, int64_t count,
                        double temperature) {
  at::Tensor logits = at::matmul(hidden.narrow(0, start, count), head.t()).to(at::kFloat);
  return temperature == 1.0 ? logits : logits.div_(temperature);
}

struct LogprobFunction : torch::autograd::Function<LogprobFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                               const at::Tensor& targets, double temperature, int64_t chunk) {
    int64_t tokens = hidden.size(0);
    at::Tensor logprobs = at::empty({tokens}, hidden.options().dtype(at::kFloat));
    at::Tensor entropy = at::empty_like(logprobs);
    at::Tensor normalizer = at::empty_like(logprobs);  // log of the sum of exp of the logits
    for (int64_t start = 0; start < tokens; start += chunk) {
      int64_t count = std::min(chunk, tokens - start);
      at::Tensor logits = chunk_logits(hidden, head, start, count, temperature);
      at::Tensor lse = at::logsumexp(logits, {1});
      at::Tensor chosen = logits.gather(1, targets.narrow(0, start, count).unsqueeze(1)).squeeze(1);
      logprobs.narrow(0, start, count).copy_(chosen - lse);
      at::Tensor probabilities = (logits - lse.unsqueeze(1)).exp_();
      entropy.narrow(0, start, count).copy_(lse - probabilities.mul_(logits).sum(1));
      normalizer.narrow(0, start, count).copy_(lse);
    }
    ctx->save_for_backward({hidden, head, targets, normalizer});
    ctx->saved_data["temperature"] = temperature;
    ctx->saved_data["chunk"] = chunk;
    ctx->mark_non_differentiable({entropy});
    return {logprobs, entropy};
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    variable_list saved = ctx->get_saved_variables();
    const at::Tensor &hidden = saved[0], &head = saved[1], &targets = saved[2], &normalizer = saved[3];
    double temperature = ctx->saved_data["temperature"].toDouble();
    int64_t chunk = ctx->saved_data["chunk"].toInt();
    const bool to_hidden = ctx->needs_input_grad(0), to_head = ctx->needs_input_grad(1);
    at::Tensor grad_hidden, grad_head;
    if (to_hidden) grad_hidden = at::empty_like(hidden);
    // Chunks add up in float32: a sum of many small numbers in bfloat16 would stop growing.
    if (to_head) grad_head = at::zeros(head.sizes(), head.options().dtype(at::kFloat));
    at::Tensor grad = gradients[0].to(at::kFloat).div(temperature);
    for (int64_t start = 0; start < hidden.size(0); start += chunk) {
      int64_t count = std::min(chunk, hidden.size(0) - start);
      at::Tensor logits = chunk_logits(hidden, head, start, count, temperature);
      at::Tensor g = grad.narrow(0, start, count).unsqueeze(1);
      // d logprob / d logits = onehot - softmax
      at::Tensor d = logits.sub_(normalizer.narrow(0, start, count).unsqueeze(1)).exp_().mul_(g.neg());
      d.scatter_add_(1, targets.narrow(0, start, count).unsqueeze(1), g.contiguous());
      d = d.to(head.scalar_type());
      if (to_hidden) grad_hidden.narrow(0, start, count).copy_(at::matmul(d, head));
      if (!to_head) continue;
      if (d.scalar_type() == at::kFloat) {
        grad_head.addmm_(d.t(), hidden.narrow(0, start, count));
      } else {
        grad_head.add_(at::matmul(d.t(), hidden.narrow(0, start, count)));
      }
    }
    if (to_head) grad_head = grad_head.to(head.scalar_type());
    return {grad_hidden, grad_head, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

TokenLogprobs token_logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                             double temperature, int64_t chunk) {
  variable_list outputs = LogprobFunction::apply(hidden, head, targets, temperature, chunk);
  return {outputs[0], outputs[1]};
}

}  // namespace golong::nn

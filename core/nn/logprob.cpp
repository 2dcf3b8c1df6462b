#include "core/nn/logprob.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/nn/row_kernels.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Before the division by the temperature.
at::Tensor chunk_logits(const at::Tensor& hidden, const at::Tensor& head, int64_t start, int64_t count) {
  return at::matmul(hidden.narrow(0, start, count), head.t()).to(at::kFloat);
}

// Rows that are worth a thread's start.
int64_t rows_at_a_time(int64_t vocabulary) { return std::max<int64_t>(1, 32768 / vocabulary); }

// What the forward pass makes of a chunk's logits, [count] each.
struct ChunkOutput {
  at::Tensor logprobs, entropy, normalizer;  // normalizer: log of the sum of exp of logits / temperature
};

void forward_rows(at::Tensor logits, const at::Tensor& targets, double temperature, ChunkOutput& to) {
  if (logits.device().is_cpu()) {
    const float* rows = logits.const_data_ptr<float>();
    const int64_t* target = targets.const_data_ptr<int64_t>();
    float *logprobs = to.logprobs.mutable_data_ptr<float>(), *entropy = to.entropy.mutable_data_ptr<float>(),
          *normalizer = to.normalizer.mutable_data_ptr<float>();
    const int64_t vocabulary = logits.size(1);
    at::parallel_for(0, logits.size(0), rows_at_a_time(vocabulary), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        TORCH_CHECK(target[i] >= 0 && target[i] < vocabulary, "target ", target[i], " of ", vocabulary, " tokens");
        RowLogprob row = logprob_row(rows + i * vocabulary, vocabulary, target[i], static_cast<float>(1 / temperature));
        logprobs[i] = row.logprob;
        entropy[i] = row.entropy;
        normalizer[i] = row.normalizer;
      }
    });
    return;
  }
  logits.div_(temperature);
  at::Tensor lse = at::logsumexp(logits, {1});
  to.logprobs.copy_(logits.gather(1, targets.unsqueeze(1)).squeeze(1) - lse);
  at::Tensor probabilities = (logits - lse.unsqueeze(1)).exp_();
  to.entropy.copy_(lse - probabilities.mul_(logits).sum(1));
  to.normalizer.copy_(lse);
}

// What the backward pass knows of a chunk, [count] each: the forward's output, and the gradients to it.
struct ChunkGradient {
  at::Tensor logprobs, entropy;
};

// Logits become their gradient.
void backward_rows(at::Tensor logits, const at::Tensor& targets, const ChunkOutput& output, const ChunkGradient& grad,
                   double temperature) {
  if (logits.device().is_cpu()) {
    float* rows = logits.mutable_data_ptr<float>();
    const float *normalizer = output.normalizer.const_data_ptr<float>(),
                *entropy = output.entropy.const_data_ptr<float>(), *to_logprob = grad.logprobs.const_data_ptr<float>(),
                *to_entropy = grad.entropy.const_data_ptr<float>();
    const int64_t *target = targets.const_data_ptr<int64_t>(), vocabulary = logits.size(1);
    const float scale = static_cast<float>(1 / temperature);
    at::parallel_for(0, logits.size(0), rows_at_a_time(vocabulary), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        logprob_row_backward(rows + i * vocabulary, vocabulary, target[i], scale, {0, entropy[i], normalizer[i]},
                             to_logprob[i], to_entropy[i]);
      }
    });
    return;
  }
  at::Tensor g = grad.logprobs.div(temperature).unsqueeze(1), e = grad.entropy.div(temperature).unsqueeze(1);
  logits.div_(temperature).sub_(output.normalizer.unsqueeze(1));
  at::Tensor probabilities = logits.exp();
  logits.clamp_min_(-100).add_(output.entropy.unsqueeze(1)).mul_(e).add_(g).neg_().mul_(probabilities);
  logits.scatter_add_(1, targets.unsqueeze(1), g);
}

struct LogprobFunction : torch::autograd::Function<LogprobFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                               const at::Tensor& targets, double temperature, int64_t chunk) {
    int64_t tokens = hidden.size(0);
    at::Tensor logprobs = at::empty({tokens}, hidden.options().dtype(at::kFloat));
    at::Tensor entropy = at::empty_like(logprobs);
    at::Tensor normalizer = at::empty_like(logprobs);
    for (int64_t start = 0; start < tokens; start += chunk) {
      int64_t count = std::min(chunk, tokens - start);
      ChunkOutput output{logprobs.narrow(0, start, count), entropy.narrow(0, start, count),
                         normalizer.narrow(0, start, count)};
      forward_rows(chunk_logits(hidden, head, start, count), targets.narrow(0, start, count), temperature, output);
    }
    ctx->save_for_backward({hidden, head, targets, normalizer, entropy});
    ctx->saved_data["temperature"] = temperature;
    ctx->saved_data["chunk"] = chunk;
    return {logprobs, entropy};
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    variable_list saved = ctx->get_saved_variables();
    const at::Tensor &hidden = saved[0], &head = saved[1], &targets = saved[2], &normalizer = saved[3],
                     &entropy = saved[4];
    double temperature = ctx->saved_data["temperature"].toDouble();
    int64_t chunk = ctx->saved_data["chunk"].toInt();
    const bool to_hidden = ctx->needs_input_grad(0), to_head = ctx->needs_input_grad(1);
    at::Tensor grad_hidden, grad_head;
    if (to_hidden) grad_hidden = at::empty_like(hidden);
    // Chunks add up in float32: a sum of many small numbers in bfloat16 would stop growing.
    if (to_head) grad_head = at::zeros(head.sizes(), head.options().dtype(at::kFloat));
    at::Tensor to_logprobs = gradients[0].to(at::kFloat).contiguous(),
               to_entropy = gradients[1].to(at::kFloat).contiguous();
    for (int64_t start = 0; start < hidden.size(0); start += chunk) {
      int64_t count = std::min(chunk, hidden.size(0) - start);
      at::Tensor d = chunk_logits(hidden, head, start, count);
      backward_rows(d, targets.narrow(0, start, count),
                    {at::Tensor(), entropy.narrow(0, start, count), normalizer.narrow(0, start, count)},
                    {to_logprobs.narrow(0, start, count), to_entropy.narrow(0, start, count)}, temperature);
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
  variable_list outputs = LogprobFunction::apply(hidden, head, targets.contiguous(), temperature, chunk);
  return {outputs[0], outputs[1]};
}

}  // namespace golong::nn

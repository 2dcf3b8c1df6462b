#include "core/nn/logprob.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "core/nn/device_kernels.h"
#include "core/nn/layers.h"
#include "core/nn/leaf_gradient.h"
#include "core/nn/numbers.h"
#include "core/nn/row_kernels.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows that are worth a thread's start.
int64_t rows_at_a_time(int64_t vocabulary) { return std::max<int64_t>(1, 32768 / vocabulary); }

// What a pass over the vocabulary has gathered of the distributions of some tokens, [tokens] float64 each.
struct Rows {
  at::Tensor normalizer;  // log of the sum of exp of logits / temperature
  at::Tensor mean;        // of logits / temperature under the distribution; the entropy is the difference
  at::Tensor chosen;      // the target's logit / temperature

  static Rows none(int64_t tokens, const at::TensorOptions& options) {
    at::Tensor normalizer = at::full({tokens}, -INFINITY, options.dtype(at::kDouble));
    return {normalizer, at::zeros_like(normalizer), at::zeros_like(normalizer)};
  }

  Rows narrow(int64_t start, int64_t count) const {
    return {normalizer.narrow(0, start, count), mean.narrow(0, start, count), chosen.narrow(0, start, count)};
  }
};

float value(float number) { return number; }
float value(uint16_t bfloat16) { return static_cast<float>(at::BFloat16(bfloat16, at::BFloat16::from_bits())); }

// Adds a tile of logits of the vocabulary from `start` on.
void add_tile_cpu(const at::Tensor& logits, const at::Tensor& targets, int64_t start, double temperature,
                  const Rows& to) {
  const auto* target = targets.const_data_ptr<int64_t>();
  auto *normalizer = to.normalizer.mutable_data_ptr<double>(), *mean = to.mean.mutable_data_ptr<double>(),
       *chosen = to.chosen.mutable_data_ptr<double>();
  const int64_t width = logits.size(1);
  with_type_of(logits, [&]<class Number>(Number) {
    at::parallel_for(0, logits.size(0), rows_at_a_time(width), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const RowLogprob part =
            logprob_row(data<Number>(logits) + i * width, width, static_cast<float>(1 / temperature));
        const double highest = std::max(normalizer[i], part.normalizer);
        const double before = std::exp(normalizer[i] - highest), now = std::exp(part.normalizer - highest);
        mean[i] = (mean[i] * before + (part.normalizer - part.entropy) * now) / (before + now);
        normalizer[i] = highest + std::log(before + now);
        if (const int64_t own = target[i] - start; own >= 0 && own < width) {
          chosen[i] = static_cast<double>(value(data<Number>(logits)[i * width + own])) / temperature;
        }
      }
    });
  });
}

void add_tile(at::Tensor logits, const at::Tensor& targets, int64_t start, double temperature, Rows& to) {
  if (logits.device().is_cpu()) return add_tile_cpu(logits, targets, start, temperature, to);
  if (const DeviceKernels* kernels = device_kernels(logits)) {
    return kernels->logprob_tile(logits, targets, start, temperature, to.normalizer, to.mean, to.chosen);
  }
  logits.div_(temperature);
  const at::Tensor part = at::logsumexp(logits, {1}).to(at::kDouble);
  const at::Tensor part_mean = (at::softmax(logits, 1) * logits).sum(1).to(at::kDouble);
  const at::Tensor all = at::logaddexp(to.normalizer, part);
  to.mean.copy_(to.mean * (to.normalizer - all).exp() + part_mean * (part - all).exp());
  to.normalizer.copy_(all);
  const at::Tensor own = targets - start, inside = (own >= 0).logical_and(own < logits.size(1));
  const at::Tensor found = logits.gather(1, own.clamp(0, logits.size(1) - 1).unsqueeze(1)).squeeze(1);
  to.chosen.copy_(at::where(inside, found.to(at::kDouble), to.chosen));
}

// Gradients to the log-probabilities and to the entropies of some tokens, [tokens] float32.
struct RowGradients {
  at::Tensor logprobs, entropy;
};

// A tile of logits becomes its gradient, of the given type.
at::Tensor tile_backward(at::Tensor logits, const at::Tensor& targets, int64_t start, double temperature,
                         const Rows& rows, const RowGradients& grad, at::ScalarType type) {
  if (const DeviceKernels* kernels = device_kernels(logits)) {
    return kernels->logprob_tile_backward(logits, targets, start, temperature, rows.normalizer, rows.mean,
                                          grad.logprobs, grad.entropy, type);
  }
  if (logits.device().is_cpu()) {
    const auto *normalizer = rows.normalizer.const_data_ptr<double>(), *mean = rows.mean.const_data_ptr<double>();
    const auto *to_logprob = grad.logprobs.const_data_ptr<float>(), *to_entropy = grad.entropy.const_data_ptr<float>();
    const auto *target = targets.const_data_ptr<int64_t>(), width = logits.size(1);
    const auto scale = static_cast<float>(1 / temperature);
    with_type_of(logits, [&]<class Number>(Number) {
      at::parallel_for(0, logits.size(0), rows_at_a_time(width), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          logprob_row_backward(mutable_data<Number>(logits) + i * width, width, target[i] - start, scale,
                               {normalizer[i] - mean[i], normalizer[i]}, to_logprob[i], to_entropy[i]);
        }
      });
    });
    return logits.to(type);
  }
  const at::Tensor g = grad.logprobs.div(temperature).unsqueeze(1), e = grad.entropy.div(temperature).unsqueeze(1);
  const at::Tensor entropy = (rows.normalizer - rows.mean).to(at::kFloat).unsqueeze(1);
  logits.div_(temperature).sub_(rows.normalizer.to(at::kFloat).unsqueeze(1));
  const at::Tensor probabilities = logits.exp();
  logits.clamp_min_(-100).add_(entropy).mul_(e).add_(g).neg_().mul_(probabilities);
  const at::Tensor own = targets - start, inside = (own >= 0).logical_and(own < logits.size(1));
  logits.scatter_add_(1, own.clamp(0, logits.size(1) - 1).unsqueeze(1), g * inside.unsqueeze(1));
  return logits.to(type);
}

// to (+)= a b, added up in float32: a sum of many small numbers in bfloat16 would stop growing.
void add_product(const at::Tensor& to, const at::Tensor& a, const at::Tensor& b, bool first) {
  if (a.scalar_type() != at::kFloat) {
    const at::Tensor product =
        a.is_cuda() && a.scalar_type() == at::kBFloat16 ? at::mm(a, b, at::kFloat) : at::matmul(a, b);
    first ? to.copy_(product) : to.add_(product);
  } else if (first) {
    at::Tensor target = to;
    at::mm_out(target, a, b);
  } else {
    to.addmm_(a, b);
  }
}

// Calls body(start, count) for parts of `size`.
template <class Body>
void in_parts(int64_t all, int64_t size, const Body& body) {
  for (int64_t start = 0; start < all; start += size) body(start, std::min(size, all - start));
}

// The same parts, the last one first.
template <class Body>
void in_parts_backwards(int64_t all, int64_t size, const Body& body) {
  for (int64_t start = (all - 1) / size * size; start >= 0; start -= size) body(start, std::min(size, all - start));
}

// Logits of one tile after the other. Where the kernels read them as they come out of the product they are all written
// into the same memory: an allocator that finds another place for each would take several times as much.
class TileLogits {
 public:
  TileLogits() = default;
  // `memory` holds the first tile that is asked for.
  explicit TileLogits(at::Tensor memory) : memory_(std::move(memory)), is_there_(memory_.defined()) {}

  at::Tensor of(const at::Tensor& hidden, const at::Tensor& head) {
    if (!has_row_kernels(head) && head.scalar_type() != at::kFloat) return logits(hidden, head);
    const int64_t numbers = hidden.size(0) * head.size(0);
    const bool is_there = std::exchange(is_there_, false);
    assert(!is_there || memory_.numel() >= numbers);
    if (!memory_.defined() || memory_.numel() < numbers) memory_ = at::empty({numbers}, hidden.options());
    at::Tensor tile = memory_.narrow(0, 0, numbers).view({hidden.size(0), head.size(0)});
    if (!is_there) at::mm_out(tile, hidden, head.t());
    return tile;
  }

  // What holds the last tile, where the kernels have left it as it was.
  at::Tensor memory() const { return memory_.defined() && has_row_kernels(memory_) ? memory_ : at::Tensor(); }

 private:
  at::Tensor memory_;
  bool is_there_ = false;
};

struct LogprobFunction : torch::autograd::Function<LogprobFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden, const at::Tensor& head,
                               const at::Tensor& targets, double temperature, int64_t tile_tokens,
                               int64_t tile_vocabulary) {
    Rows rows = Rows::none(hidden.size(0), hidden.options());
    TileLogits tiles;
    in_parts(hidden.size(0), tile_tokens, [&](int64_t start, int64_t count) {
      const at::Tensor some = hidden.narrow(0, start, count), some_targets = targets.narrow(0, start, count);
      Rows some_rows = rows.narrow(start, count);
      in_parts(head.size(0), tile_vocabulary, [&](int64_t first, int64_t width) {
        add_tile(tiles.of(some, head.narrow(0, first, width)), some_targets, first, temperature, some_rows);
      });
    });
    ctx->save_for_backward({hidden, head, targets, rows.normalizer, rows.mean});
    // The backward pass begins at once, and with the last tile: it costs no memory that was not needed then anyway.
    ctx->saved_data["last_tile"] = tiles.memory();
    ctx->saved_data["temperature"] = temperature;
    ctx->saved_data["tile_tokens"] = tile_tokens;
    ctx->saved_data["tile_vocabulary"] = tile_vocabulary;
    return {(rows.chosen - rows.normalizer).to(at::kFloat), (rows.normalizer - rows.mean).to(at::kFloat)};
  }

  // Over the vocabulary outside: a part of head's gradient is finished before the next one begins.
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &hidden = saved[0], &head = saved[1], &targets = saved[2];
    const Rows rows{saved[3], saved[4], {}};
    const double temperature = ctx->saved_data["temperature"].toDouble();
    const bool to_hidden = ctx->needs_input_grad(0), to_head = ctx->needs_input_grad(1);
    const at::Tensor to_logprobs = gradients[0].to(at::kFloat).contiguous(),
                     to_entropy = gradients[1].to(at::kFloat).contiguous();
    const GradientSum grad_head = to_head ? GradientSum::of(head) : GradientSum();
    if (hidden.size(0) == 0) return {at::zeros_like(hidden), grad_head.returned, {}, {}, {}, {}};
    TileLogits tiles(
        std::exchange(ctx->saved_data["last_tile"], at::Tensor()).toTensor());  // its gradient overwrites it
    const int64_t tile_tokens = ctx->saved_data["tile_tokens"].toInt(),
                  tile_vocabulary = ctx->saved_data["tile_vocabulary"].toInt();
    at::Tensor grad_hidden;
    if (to_hidden) grad_hidden = at::empty(hidden.sizes(), hidden.options().dtype(at::kFloat));
    in_parts_backwards(head.size(0), tile_vocabulary, [&](int64_t first, int64_t width) {
      const at::Tensor part = head.narrow(0, first, width);
      const at::Tensor grad_part = at::empty(part.sizes(), part.options().dtype(at::kFloat));
      in_parts_backwards(hidden.size(0), tile_tokens, [&](int64_t start, int64_t count) {
        const at::Tensor some = hidden.narrow(0, start, count);
        const at::Tensor d = tile_backward(
            tiles.of(some, part), targets.narrow(0, start, count), first, temperature,
            {rows.normalizer.narrow(0, start, count), rows.mean.narrow(0, start, count), {}},
            {to_logprobs.narrow(0, start, count), to_entropy.narrow(0, start, count)}, head.scalar_type());
        if (to_hidden) add_product(grad_hidden.narrow(0, start, count), d, part, first + width == head.size(0));
        if (to_head) add_product(grad_part, d.t(), some, start + count == hidden.size(0));
      });
      if (to_head) grad_head.sum.narrow(0, first, width).add_(grad_part);
    });
    if (to_hidden) grad_hidden = grad_hidden.to(hidden.scalar_type());
    return {grad_hidden, grad_head.returned, {}, {}, {}, {}};
  }
};

}  // namespace

TokenLogprobs token_logprobs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                             double temperature, LogprobTile tile) {
  if (tile.tokens == 0) tile = hidden.is_cpu() ? kCpuTile : kCudaTile;
  if (targets.numel() > 0) {
    const int64_t lowest = targets.min().item<int64_t>(), highest = targets.max().item<int64_t>();
    TORCH_CHECK(lowest >= 0 && highest < head.size(0), "targets from ", lowest, " to ", highest, " of ", head.size(0),
                " tokens");
  }
  const variable_list outputs =
      LogprobFunction::apply(hidden, head, targets.contiguous(), temperature, tile.tokens, tile.vocabulary);
  return {outputs[0], outputs[1]};
}

}  // namespace golong::nn

#include "core/nn/norms.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "core/nn/device_kernels.h"
#include "core/nn/numbers.h"
#include "core/nn/parallel_rows.h"
#include "core/nn/row_kernels.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct NormedRows {
  at::Tensor sum, normed;
  at::Tensor inverse;  // [rows] float32: 1 / root mean square
};

void check_norm(const at::Tensor& x, const at::Tensor& weight) {
  TORCH_CHECK(weight.numel() == x.size(-1), "a norm of ", weight.numel(), " weights for rows of ", x.size(-1));
  TORCH_CHECK(weight.scalar_type() == x.scalar_type(), "a norm's weights of ", weight.scalar_type(), " for rows of ",
              x.scalar_type());
}

void check_angles(const at::Tensor& x, const Rotary& rotary) {
  TORCH_CHECK(rotary.cos.size(0) == x.size(0) && rotary.cos.size(-1) == x.size(-1), "rotate: angles ",
              rotary.cos.sizes(), " for ", x.sizes());
}

// Of x, plus what is added where that is defined. Dense rows.
NormedRows norm_rows(const at::Tensor& x, const at::Tensor& added, const at::Tensor& weight, double epsilon) {
  const int64_t width = x.size(-1), rows = x.numel() / width;
  NormedRows to{added.defined() ? at::empty_like(x) : x, at::empty_like(x),
                at::empty({rows}, x.options().dtype(at::kFloat))};
  with_type_of(x, [&]<class Number>(Number) {
    parallel_rows(rows, width, [&](int64_t begin, int64_t end) {
      const int64_t at = begin * width, count = end - begin;
      if (added.defined()) {
        add_row(data<Number>(x) + at, data<Number>(added) + at, count * width, mutable_data<Number>(to.sum) + at);
      }
      rms_norm_rows(data<Number>(to.sum) + at, data<Number>(weight), count, width, static_cast<float>(epsilon),
                    mutable_data<Number>(to.normed) + at, mutable_data(to.inverse) + begin);
    });
  });
  return to;
}

struct NormGradients {
  at::Tensor sum, weight;
};

// Of the gradient to what is normed, and where that is defined to the sum itself.
NormGradients norm_rows_backward(const at::Tensor& to_normed, const at::Tensor& to_sum, const at::Tensor& sum,
                                 const at::Tensor& weight, const at::Tensor& inverse) {
  const int64_t width = sum.size(-1);
  const RowParts parts(sum.numel() / width, width);
  const at::Tensor grad = at::empty_like(sum), weights = at::zeros({parts.count(), width}, inverse.options());
  with_type_of(sum, [&]<class Number>(Number) {
    parts.each([&](int64_t part, int64_t first, int64_t count) {
      const int64_t at = first * width;
      Number* to = mutable_data<Number>(grad) + at;
      rms_norm_rows_backward(data<Number>(to_normed) + at, data<Number>(sum) + at, data<Number>(weight),
                             data(inverse) + first, count, width, to, mutable_data(weights) + part * width);
      if (to_sum.defined()) add_row(to, data<Number>(to_sum) + at, count * width, to);
    });
  });
  return {grad, RowParts::sum(weights).to(weight.scalar_type())};
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const at::Tensor& weight, double epsilon) {
    const at::Tensor x = input.contiguous(), w = weight.contiguous();
    const NormedRows rows = norm_rows(x, {}, w, epsilon);
    ctx->save_for_backward({x, w, rows.inverse});
    return rows.normed;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const NormGradients to = norm_rows_backward(gradients[0].contiguous(), {}, saved[0], saved[1], saved[2]);
    return {to.sum, to.weight, {}};
  }
};

struct ResidualNormFunction : torch::autograd::Function<ResidualNormFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& x, const std::optional<at::Tensor>& added,
                               const at::Tensor& weight, double epsilon) {
    const NormedRows rows = norm_rows(x, added.value_or(at::Tensor()), weight, epsilon);
    ctx->save_for_backward({rows.sum, weight, rows.inverse});
    ctx->saved_data["adds"] = added.has_value();
    return {rows.sum, rows.normed};
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const NormGradients to =
        norm_rows_backward(gradients[1].contiguous(), gradients[0].contiguous(), saved[0], saved[1], saved[2]);
    return {to.sum, ctx->saved_data["adds"].toBool() ? to.sum : at::Tensor(), to.weight, {}};
  }
};

// Rotates tokens [begin, end) of x [T, H, D].
template <class Number>
void rotate_tokens(const Number* x, const Rotary& rotary, const at::Tensor& y, float direction, int64_t begin,
                   int64_t end) {
  const int64_t heads = y.size(1), width = y.size(2), stride = heads * width;
  for (int64_t t = begin; t < end; ++t) {
    rotate_rows(x + t * stride, data(rotary.cos) + t * width, data(rotary.sin) + t * width, heads, width, direction,
                mutable_data<Number>(y) + t * stride);
  }
}

at::Tensor rotated(const at::Tensor& input, const Rotary& rotary, float direction) {
  if (const DeviceKernels* kernels = device_kernels(input)) {
    return kernels->rotate(input, rotary.cos, rotary.sin, direction);
  }
  const at::Tensor x = input.contiguous();
  at::Tensor y = at::empty_like(x);
  with_type_of(x, [&]<class Number>(Number) {
    parallel_rows(x.size(0), x.size(1) * x.size(2), [&](int64_t begin, int64_t end) {
      rotate_tokens(data<Number>(x), rotary, y, direction, begin, end);
    });
  });
  return y;
}

struct RotateFunction : torch::autograd::Function<RotateFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
    ctx->save_for_backward({cos, sin});
    return rotated(x, {cos, sin}, 1);
  }

  // A rotation's transpose turns back.
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    variable_list saved = ctx->get_saved_variables();
    return {rotated(gradients[0], {saved[0], saved[1]}, -1), at::Tensor(), at::Tensor()};
  }
};

// What norm_rotate gives, and of each head the scale of its norm.
std::pair<at::Tensor, at::Tensor> normed_and_rotated(const at::Tensor& x, const at::Tensor& weight, double epsilon,
                                                     const Rotary& rotary) {
  const int64_t heads = x.size(1), width = x.size(2);
  const at::Tensor y = at::empty_like(x), inverse = at::empty({x.size(0), heads}, x.options().dtype(at::kFloat));
  with_type_of(x, [&]<class Number>(Number) {
    parallel_rows(x.size(0), heads * width, [&](int64_t begin, int64_t end) {
      const int64_t at = begin * heads * width;
      rms_norm_rows(data<Number>(x) + at, data<Number>(weight), (end - begin) * heads, width,
                    static_cast<float>(epsilon), mutable_data<Number>(y) + at, mutable_data(inverse) + begin * heads);
      rotate_tokens(data<Number>(y), rotary, y, 1, begin, end);
    });
  });
  return {y, inverse};
}

struct NormRotateFunction : torch::autograd::Function<NormRotateFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const at::Tensor& weight, double epsilon,
                            const Rotary& rotary) {
    const at::Tensor x = input.contiguous(), w = weight.contiguous();
    const auto [y, inverse] = normed_and_rotated(x, w, epsilon, rotary);
    ctx->save_for_backward({x, w, inverse, rotary.cos, rotary.sin});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &inverse = saved[2], grad = gradients[0].contiguous();
    const Rotary rotary{saved[3], saved[4]};
    const int64_t heads = x.size(1), width = x.size(2);
    const RowParts parts(x.size(0), heads * width);
    const at::Tensor grad_x = at::empty_like(x), weights = at::zeros({parts.count(), width}, inverse.options());
    with_type_of(x, [&]<class Number>(Number) {
      parts.each([&](int64_t part, int64_t first, int64_t count) {
        const int64_t at = first * heads * width;
        Number* to = mutable_data<Number>(grad_x) + at;
        rotate_tokens(data<Number>(grad), rotary, grad_x, -1, first, first + count);
        rms_norm_rows_backward(to, data<Number>(x) + at, data<Number>(weight), data(inverse) + first * heads,
                               count * heads, width, to, mutable_data(weights) + part * width);
      });
    });
    return {grad_x, RowParts::sum(weights).to(weight.scalar_type()), {}, {}};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (has_row_kernels(x)) {
    check_norm(x, weight);
    // Without gradients a node of the graph would be made for nothing, which takes longer than small kernels.
    return c10::GradMode::is_enabled() ? RmsNormFunction::apply(x, weight, epsilon)
                                       : norm_rows(x.contiguous(), {}, weight.contiguous(), epsilon).normed;
  }
  if (const DeviceKernels* kernels = device_kernels(x); kernels && c10::InferenceMode::is_enabled()) {
    return kernels->rms_norm(x, weight, epsilon);
  }
  return at::rms_norm(x, {x.size(-1)}, weight, epsilon);
}

Residual residual_norm(const at::Tensor& x, const std::optional<at::Tensor>& added, const at::Tensor& weight,
                       double epsilon) {
  if (!has_row_kernels(x)) {
    const at::Tensor sum = added ? x + *added : x;
    return {sum, rms_norm(sum, weight, epsilon)};
  }
  check_norm(x, weight);
  TORCH_CHECK(x.is_contiguous() && weight.is_contiguous() &&
                  (!added ||
                   (added->is_contiguous() && added->sizes() == x.sizes() && added->scalar_type() == x.scalar_type())),
              "residual_norm: dense rows of one shape and type are expected");
  if (c10::GradMode::is_enabled()) {
    const variable_list both = ResidualNormFunction::apply(x, added, weight, epsilon);
    return {both[0], both[1]};
  }
  const NormedRows rows = norm_rows(x, added.value_or(at::Tensor()), weight, epsilon);
  return {rows.sum, rows.normed};
}

at::Tensor norm_rotate(const at::Tensor& x, const at::Tensor& weight, double epsilon, const Rotary& rotary) {
  if (has_row_kernels(x) && weight.defined()) {
    check_norm(x, weight);
    check_angles(x, rotary);
    return c10::GradMode::is_enabled() ? NormRotateFunction::apply(x, weight, epsilon, rotary)
                                       : normed_and_rotated(x.contiguous(), weight.contiguous(), epsilon, rotary).first;
  }
  // In generation alone: a learner's passes with and without gradients give the same numbers.
  if (const DeviceKernels* kernels = device_kernels(x); kernels && c10::InferenceMode::is_enabled()) {
    return kernels->norm_rotate(x, weight, epsilon, rotary.cos, rotary.sin);
  }
  return rotate(weight.defined() ? rms_norm(x, weight, epsilon) : x, rotary);
}

Rotary rotary(const at::Tensor& positions, const at::Tensor& frequencies, double scale) {
  at::Tensor angle = positions.to(at::kFloat).unsqueeze(1) * frequencies.unsqueeze(0);  // [T, D/2]
  angle = at::cat({angle, angle}, 1).unsqueeze(1);                                      // [T, 1, D]
  if (scale == 1) return {angle.cos(), angle.sin()};
  return {angle.cos() * scale, angle.sin() * scale};
}

at::Tensor rotate(const at::Tensor& x, const Rotary& rotary) {
  if (has_kernels(x)) {
    check_angles(x, rotary);
    return c10::GradMode::is_enabled() ? RotateFunction::apply(x, rotary.cos, rotary.sin) : rotated(x, rotary, 1);
  }
  int64_t half = x.size(-1) / 2;
  at::Tensor turned = at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
  return x * rotary.cos.to(x.scalar_type()) + turned * rotary.sin.to(x.scalar_type());
}

}  // namespace golong::nn

#include "core/nn/layers.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/nn/device_kernels.h"
#include "core/nn/few_rows.h"
#include "core/nn/numbers.h"
#include "core/nn/row_kernels.h"

#if !defined(INTRA_OP_PARALLEL) && !defined(__clang_analyzer__)  // clang-tidy reads it without
#error "compiled without OpenMP, at::parallel_for would use one thread (cmake/Torch.cmake)"
#endif

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Elementwise kernels of ours on the CPU, and those of a device that brings its own; ATen's operations elsewhere.
bool has_fused(const at::Tensor& x) { return has_row_kernels(x) || device_kernels(x); }

// Shares rows out to threads, some 32K elements at a time.
template <class Body>
void parallel_rows(int64_t rows, int64_t width, const Body& body) {
  at::parallel_for(0, rows, std::max<int64_t>(1, 32768 / std::max<int64_t>(width, 1)), body);
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const at::Tensor& weight, double epsilon) {
    at::Tensor x = input.contiguous(), y = at::empty_like(x), w = weight.contiguous();
    const int64_t width = x.size(-1), rows = x.numel() / width;
    at::Tensor inverse = at::empty({rows}, x.options().dtype(at::kFloat));
    with_type_of(x, [&]<class Number>(Number) {
      parallel_rows(rows, width, [&](int64_t begin, int64_t end) {
        const int64_t at = begin * width;
        rms_norm_rows(data<Number>(x) + at, data<Number>(w), end - begin, width, static_cast<float>(epsilon),
                      mutable_data<Number>(y) + at, mutable_data(inverse) + begin);
      });
    });
    ctx->save_for_backward({x, w, inverse});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &w = saved[1], &inverse = saved[2];
    at::Tensor grad = gradients[0].contiguous(), grad_x = at::empty_like(x);
    const int64_t width = x.size(-1), rows = x.numel() / width;
    // Parts of a fixed size, summed in their order: the gradient does not depend on the number of threads.
    const int64_t part = std::max<int64_t>(1, 65536 / width), parts = (rows + part - 1) / part;
    at::Tensor grad_parts = at::zeros({parts, width}, inverse.options()),
               grad_weight = at::zeros({width}, inverse.options());
    with_type_of(x, [&]<class Number>(Number) {
      at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          const int64_t first = p * part, count = std::min(part, rows - first), at = first * width;
          rms_norm_rows_backward(data<Number>(grad) + at, data<Number>(x) + at, data<Number>(w), data(inverse) + first,
                                 count, width, mutable_data<Number>(grad_x) + at, mutable_data(grad_parts) + p * width);
        }
      });
    });
    for (int64_t p = 0; p < parts; ++p) grad_weight.add_(grad_parts[p]);
    return {grad_x, grad_weight.to(w.scalar_type()), at::Tensor()};
  }
};

at::Tensor rotated(const at::Tensor& input, const Rotary& rotary, float direction) {
  if (const DeviceKernels* kernels = device_kernels(input)) {
    return kernels->rotate(input, rotary.cos, rotary.sin, direction);
  }
  at::Tensor x = input.contiguous(), y = at::empty_like(x);
  const int64_t tokens = x.size(0), heads = x.size(1), width = x.size(2), stride = heads * width;
  with_type_of(x, [&]<class Number>(Number) {
    parallel_rows(tokens, stride, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        rotate_rows(data<Number>(x) + t * stride, data(rotary.cos) + t * width, data(rotary.sin) + t * width, heads,
                    width, direction, mutable_data<Number>(y) + t * stride);
      }
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

at::Tensor gated(const at::Tensor& gate, const at::Tensor& up) {
  if (const DeviceKernels* kernels = device_kernels(gate)) return kernels->swiglu(gate, up);
  at::Tensor y = at::empty_like(gate);
  with_type_of(gate, [&]<class Number>(Number) {
    parallel_rows(y.numel(), 1, [&](int64_t begin, int64_t end) {
      swiglu_row(data<Number>(gate) + begin, data<Number>(up) + begin, end - begin, mutable_data<Number>(y) + begin);
    });
  });
  return y;
}

struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_input, const at::Tensor& up_input) {
    const at::Tensor gate = gate_input.contiguous(), up = up_input.contiguous();
    ctx->save_for_backward({gate, up});
    return gated(gate, up);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    variable_list saved = ctx->get_saved_variables();
    const at::Tensor &gate = saved[0], &up = saved[1];
    at::Tensor grad = gradients[0].contiguous(), grad_gate = at::empty_like(gate), grad_up = at::empty_like(up);
    if (const DeviceKernels* kernels = device_kernels(gate)) {
      kernels->swiglu_backward(grad, gate, up, grad_gate, grad_up);
      return {grad_gate, grad_up};
    }
    with_type_of(gate, [&]<class Number>(Number) {
      parallel_rows(grad.numel(), 1, [&](int64_t begin, int64_t end) {
        swiglu_row_backward(data<Number>(grad) + begin, data<Number>(gate) + begin, data<Number>(up) + begin,
                            end - begin, mutable_data<Number>(grad_gate) + begin,
                            mutable_data<Number>(grad_up) + begin);
      });
    });
    return {grad_gate, grad_up};
  }
};

thread_local bool row_by_row = false;

// Whether our own product is the faster one (docs/benchmarks.md, Projections of few rows).
bool are_few(int64_t rows, at::ScalarType type) { return rows <= (type == at::kFloat ? 24 : 4); }

bool has_few_rows(const at::Tensor& x, const at::Tensor& weight) {
  const at::ScalarType type = x.scalar_type();
  return x.device().is_cpu() && (type == at::kFloat || type == at::kBFloat16) && type == weight.scalar_type() &&
         !c10::GradMode::is_enabled() && weight.is_contiguous() && x.numel() > 0;
}

at::Tensor few_rows(const at::Tensor& input, const Linear& linear) {
  const at::Tensor x = input.to(at::kFloat).contiguous();
  std::vector<int64_t> shape = x.sizes().vec();
  const int64_t in = shape.back(), out = linear.weight.size(0), rows = x.numel() / in;
  shape.back() = out;
  at::Tensor y = at::empty(shape, x.options());
  const FewRows product{data(x),
                        rows,
                        in,
                        out,
                        linear.weight.const_data_ptr(),
                        linear.weight.scalar_type() == at::kBFloat16,
                        y.mutable_data_ptr<float>()};
  // A thread's part is long enough to be worth waking it, and small enough that both end together.
  const int64_t grain = std::max<int64_t>(64, (int64_t{1} << 18) / (rows * in));
  at::parallel_for(0, out, grain, [&](int64_t begin, int64_t end) { project_few_rows(product, begin, end); });
  if (linear.bias.defined()) y.add_(linear.bias);
  return y.to(input.scalar_type());
}

}  // namespace

at::Tensor Linear::operator()(const at::Tensor& x) const {
  const bool few = row_by_row || are_few(x.numel() / std::max<int64_t>(1, x.size(-1)), x.scalar_type());
  if (few && has_few_rows(x, weight)) return few_rows(x, *this);
  // What at::linear comes to, with less on the way.
  if (x.dim() == 2 && !bias.defined()) return at::mm(x, weight.t());
  return at::linear(x, weight, bias);
}

RowByRow::RowByRow(bool on) : before_(std::exchange(row_by_row, on)) {}
RowByRow::~RowByRow() { row_by_row = before_; }

at::Tensor logits(const at::Tensor& x, const at::Tensor& head) {
  // On CUDA the products of bfloat16 come out as they were added up.
  if (x.is_cuda() && x.scalar_type() == at::kBFloat16) return at::mm(x, head.t(), at::kFloat);
  return Linear{head, {}}(x).to(at::kFloat);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (has_row_kernels(x)) {
    TORCH_CHECK(weight.numel() == x.size(-1), "rms_norm: ", weight.numel(), " weights for rows of ", x.size(-1));
    TORCH_CHECK(weight.scalar_type() == x.scalar_type(), "rms_norm: weights of ", weight.scalar_type(), " for rows of ",
                x.scalar_type());
    return RmsNormFunction::apply(x, weight, epsilon);
  }
  if (const DeviceKernels* kernels = device_kernels(x); kernels && c10::InferenceMode::is_enabled()) {
    return kernels->rms_norm(x, weight, epsilon);
  }
  return at::rms_norm(x, {x.size(-1)}, weight, epsilon);
}

at::Tensor norm_rotate(const at::Tensor& x, const at::Tensor& weight, double epsilon, const Rotary& rotary) {
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
  if (has_fused(x)) {
    TORCH_CHECK(rotary.cos.size(0) == x.size(0) && rotary.cos.size(-1) == x.size(-1), "rotate: angles ",
                rotary.cos.sizes(), " for ", x.sizes());
    // Without gradients a node of the graph would be made for nothing, which takes longer than small kernels.
    return c10::GradMode::is_enabled() ? RotateFunction::apply(x, rotary.cos, rotary.sin) : rotated(x, rotary, 1);
  }
  int64_t half = x.size(-1) / 2;
  at::Tensor turned = at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
  return x * rotary.cos.to(x.scalar_type()) + turned * rotary.sin.to(x.scalar_type());
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  if (has_fused(gate)) {
    TORCH_CHECK(gate.sizes() == up.sizes(), "swiglu: a gate of ", gate.sizes(), " for ", up.sizes());
    return c10::GradMode::is_enabled() ? SwigluFunction::apply(gate, up) : gated(gate.contiguous(), up.contiguous());
  }
  return at::silu(gate) * up;
}

}  // namespace golong::nn

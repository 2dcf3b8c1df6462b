#include "core/nn/layers.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/nn/device_kernels.h"
#include "core/nn/few_rows.h"
#include "core/nn/numbers.h"
#include "core/nn/parallel_rows.h"
#include "core/nn/row_kernels.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

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
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &gate = saved[0], &up = saved[1], grad = gradients[0].contiguous();
    if (const DeviceKernels* kernels = device_kernels(gate)) {
      at::Tensor grad_gate = at::empty_like(gate), grad_up = at::empty_like(up);
      kernels->swiglu_backward(grad, gate, up, grad_gate, grad_up);
      return {grad_gate, grad_up};
    }
    // In their place: they are the largest that a layer keeps, and of no more use.
    const at::Tensor grad_gate = gate.detach(), grad_up = up.detach();
    with_type_of(gate, [&]<class Number>(Number) {
      parallel_rows(grad.numel(), 1, [&](int64_t begin, int64_t end) {
        swiglu_row_backward(data<Number>(grad) + begin, data<Number>(gate) + begin, data<Number>(up) + begin,
                            end - begin, mutable_data<Number>(grad_gate) + begin,
                            mutable_data<Number>(grad_up) + begin);
      });
    });
    // So that a second backward pass is an error.
    torch::autograd::impl::bump_version(gate);
    torch::autograd::impl::bump_version(up);
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

at::Tensor swiglu(at::Tensor&& gate, at::Tensor&& up) {
  if (has_kernels(gate)) {
    TORCH_CHECK(gate.sizes() == up.sizes(), "swiglu: a gate of ", gate.sizes(), " for ", up.sizes());
    return c10::GradMode::is_enabled() ? SwigluFunction::apply(gate, up) : gated(gate.contiguous(), up.contiguous());
  }
  return at::silu(gate) * up;
}

}  // namespace golong::nn

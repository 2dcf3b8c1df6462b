#include "core/cuda/kernels.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "core/cuda/launch.h"

namespace golong::cuda {
namespace {

// Kernels run on the device of their tensors, on the stream that LibTorch has chosen.
class OnDeviceOf {
 public:
  explicit OnDeviceOf(const at::Tensor& x) : guard_(x.device()), stream_(c10::cuda::getCurrentCUDAStream()) {}
  ~OnDeviceOf() = default;
  cudaStream_t stream() const { return stream_; }
  void check() const { C10_CUDA_KERNEL_LAUNCH_CHECK(); }

 private:
  c10::cuda::CUDAGuard guard_;
  c10::cuda::CUDAStream stream_;
};

Number number(at::ScalarType type) {
  TORCH_CHECK(type == at::kFloat || type == at::kBFloat16, "CUDA kernels are built for float32 and bfloat16, not ",
              type);
  return type == at::kFloat ? Number::float32 : Number::bfloat16;
}

at::Tensor rotate(const at::Tensor& input, const at::Tensor& cos, const at::Tensor& sin, double direction) {
  const at::Tensor x = input.contiguous();
  at::Tensor y = at::empty_like(x);
  const OnDeviceOf device(x);
  cuda::rotate(number(x.scalar_type()), x.const_data_ptr(), cos.contiguous().const_data_ptr<float>(),
               sin.contiguous().const_data_ptr<float>(), x.size(0), x.size(1), x.size(2),
               static_cast<float>(direction), y.mutable_data_ptr(), device.stream());
  device.check();
  return y;
}

at::Tensor norm_rotate(const at::Tensor& input, const at::Tensor& weight, double epsilon, const at::Tensor& cos,
                       const at::Tensor& sin) {
  const at::Tensor x = input.contiguous();
  at::Tensor y = at::empty_like(x);
  const OnDeviceOf device(x);
  cuda::norm_rotate(number(x.scalar_type()), x.const_data_ptr(), weight.defined() ? weight.const_data_ptr() : nullptr,
                    static_cast<float>(epsilon), cos.defined() ? cos.const_data_ptr<float>() : nullptr,
                    sin.defined() ? sin.const_data_ptr<float>() : nullptr, x.numel() / x.size(-1),
                    x.dim() == 3 ? x.size(1) : 1, x.size(-1), y.mutable_data_ptr(), device.stream());
  device.check();
  return y;
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  return norm_rotate(x, weight, epsilon, {}, {});
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  at::Tensor y = at::empty_like(gate);
  const OnDeviceOf device(gate);
  cuda::swiglu(number(gate.scalar_type()), gate.const_data_ptr(), up.const_data_ptr(), gate.numel(),
               y.mutable_data_ptr(), device.stream());
  device.check();
  return y;
}

void swiglu_backward(const at::Tensor& grad, const at::Tensor& gate, const at::Tensor& up, at::Tensor& grad_gate,
                     at::Tensor& grad_up) {
  const OnDeviceOf device(grad);
  cuda::swiglu_backward(number(gate.scalar_type()), grad.const_data_ptr(), gate.const_data_ptr(), up.const_data_ptr(),
                        gate.numel(), grad_gate.mutable_data_ptr(), grad_up.mutable_data_ptr(), device.stream());
  device.check();
}

LogprobTile tile_of(const at::Tensor& logits, const at::Tensor& targets, int64_t start, double temperature) {
  TORCH_CHECK(logits.is_contiguous() && targets.is_contiguous() && logits.scalar_type() == at::kFloat,
              "a tile of logits must be dense float32");
  return {logits.const_data_ptr<float>(), targets.const_data_ptr<int64_t>(), logits.size(0), logits.size(1), start,
          temperature};
}

void logprob_tile(const at::Tensor& logits, const at::Tensor& targets, int64_t start, double temperature,
                  const at::Tensor& normalizer, const at::Tensor& mean, const at::Tensor& chosen) {
  const OnDeviceOf device(logits);
  cuda::logprob_tile(tile_of(logits, targets, start, temperature), normalizer.mutable_data_ptr<double>(),
                     mean.mutable_data_ptr<double>(), chosen.mutable_data_ptr<double>(), device.stream());
  device.check();
}

at::Tensor logprob_tile_backward(const at::Tensor& logits, const at::Tensor& targets, int64_t start,
                                 double temperature, const at::Tensor& normalizer, const at::Tensor& mean,
                                 const at::Tensor& grad, const at::Tensor& grad_entropy, at::ScalarType type) {
  at::Tensor result = at::empty(logits.sizes(), logits.options().dtype(type));
  const OnDeviceOf device(logits);
  cuda::logprob_tile_backward(tile_of(logits, targets, start, temperature), normalizer.const_data_ptr<double>(),
                              mean.const_data_ptr<double>(), grad.const_data_ptr<float>(),
                              grad_entropy.const_data_ptr<float>(), number(type), result.mutable_data_ptr(),
                              device.stream());
  device.check();
  return result;
}

int64_t decode_results(at::ScalarType type, int64_t head_dim, bool few) {
  return few && has_fast_decode(number(type), head_dim) ? kFewParts : 1;
}

at::Tensor paged_decode(const nn::PagedDecode& work) {
  const int64_t heads = work.q.size(1), head_dim = work.q.size(2);
  TORCH_CHECK(work.keys.size(1) == kPageTokens && head_dim <= 256 && work.q.is_contiguous(),
              "attention over pages: pages of ", work.keys.size(1), " tokens, heads of ", head_dim);
  at::Tensor out = work.all_rows ? at::empty_like(work.q) : at::zeros_like(work.q);
  const OnDeviceOf device(work.q);
  cuda::paged_decode({.type = number(work.q.scalar_type()),
                      .q = work.q.const_data_ptr(),
                      .keys = work.keys.const_data_ptr(),
                      .values = work.values.const_data_ptr(),
                      .tokens = work.q.size(0),
                      .heads = heads,
                      .kv_heads = work.keys.size(2),
                      .head_dim = head_dim,
                      .page_table = work.page_table.const_data_ptr<int32_t>(),
                      .few = work.few.const_data_ptr<int32_t>(),
                      .many = work.many.const_data_ptr<int32_t>(),
                      .first_result = work.first_result.const_data_ptr<int32_t>(),
                      .few_count = work.few.size(0),
                      .many_count = work.many.size(0),
                      .scale = static_cast<float>(work.scale * 1.4426950408889634),  // log2(e): powers of two are taken
                      .results = work.results.mutable_data_ptr<float>(),
                      .sums = work.sums.mutable_data_ptr<float>(),
                      .out = out.mutable_data_ptr()},
                     device.stream());
  device.check();
  return out;
}

void write_pages(const at::Tensor& k, const at::Tensor& v, const at::Tensor& slots, const at::Tensor& keys,
                 const at::Tensor& values) {
  const at::Tensor from_k = k.contiguous(), from_v = v.contiguous();
  TORCH_CHECK(keys.is_contiguous() && values.is_contiguous() && keys.scalar_type() == k.scalar_type(),
              "pages must be dense, of the type of the keys");
  const OnDeviceOf device(k);
  cuda::write_pages(from_k.const_data_ptr(), from_v.const_data_ptr(), slots.const_data_ptr<int64_t>(), k.size(0),
                    k.size(1) * k.size(2) * static_cast<int64_t>(k.element_size()), keys.mutable_data_ptr(),
                    values.mutable_data_ptr(), device.stream());
  device.check();
}

nn::DrawnTokens draw(const at::Tensor& logits, const at::Tensor& rows, const at::Tensor& keys, double temperature) {
  TORCH_CHECK(logits.is_contiguous() && logits.scalar_type() == at::kFloat, "logits must be dense float32");
  nn::DrawnTokens drawn{at::empty_like(rows), at::empty(rows.sizes(), logits.options()),
                        at::empty(rows.sizes(), logits.options())};
  const OnDeviceOf device(logits);
  cuda::draw({.logits = logits.const_data_ptr<float>(),
              .vocabulary = logits.size(1),
              .rows = rows.const_data_ptr<int64_t>(),
              .keys = keys.const_data_ptr<int64_t>(),
              .picks = rows.size(0),
              .temperature = temperature,
              .token = drawn.token.mutable_data_ptr<int64_t>(),
              .logprob = drawn.logprob.mutable_data_ptr<float>(),
              .sampled = drawn.sampled.mutable_data_ptr<float>()},
             device.stream());
  device.check();
  return drawn;
}

constexpr nn::DeviceKernels kKernels{
    rotate, rms_norm, norm_rotate,        swiglu,       swiglu_backward, logprob_tile, logprob_tile_backward, kMostQueries, kFewQueries,
    decode_results, paged_decode, write_pages,     draw};

}  // namespace

const nn::DeviceKernels* device_kernels() { return &kKernels; }

}  // namespace golong::cuda

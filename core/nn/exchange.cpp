#include "core/nn/exchange.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/nn/capsule.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct ExchangeFunction : torch::autograd::Function<ExchangeFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& rows, const std::vector<int64_t>& send,
                            const std::vector<int64_t>& receive, const parallel::Group& group) {
    ctx->saved_data["send"] = send;
    ctx->saved_data["receive"] = receive;
    ctx->saved_data["group"] = capsule(group);
    return group.exchange(rows.contiguous(), send, receive);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    return {held<parallel::Group>(ctx->saved_data["group"])
                .exchange(gradients[0].contiguous(), ctx->saved_data["receive"].toIntVector(),
                          ctx->saved_data["send"].toIntVector()),
            {},
            {},
            {}};
  }
};

}  // namespace

at::Tensor exchange_rows(const at::Tensor& rows, const std::vector<int64_t>& send, const std::vector<int64_t>& receive,
                         const parallel::Group& group) {
  return c10::GradMode::is_enabled() ? ExchangeFunction::apply(rows, send, receive, group)
                                     : group.exchange(rows.contiguous(), send, receive);
}

}  // namespace golong::nn

// Responses on the prompt that they share and on themselves, the prompt's keys and values being somebody else's.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/nn/attention.h"
#include "core/nn/own_attention.h"
#include "core/nn/segment.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::vector<Piece> pieces_of(const std::vector<int64_t>& lengths) {
  std::vector<Piece> pieces;
  int64_t start = 0;
  for (int64_t length : lengths) {
    if (length > 0) pieces.push_back({start, length});
    start += length;
  }
  return pieces;
}

struct ResponseAttentionFunction : torch::autograd::Function<ResponseAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& prompt_k, const at::Tensor& prompt_v, const std::vector<int64_t>& lengths,
                            double scale) {
    const int64_t tokens = q.size(0), prompt = prompt_k.size(0);
    at::Tensor out, lse;
    if (tokens > 0) {
      const Partial shared =
          segment_forward(span(q, 0, tokens), span(prompt_k, 0, prompt), span(prompt_v, 0, prompt), false, scale);
      out = rows(shared.out).contiguous(), lse = shared.lse.squeeze(0).t().contiguous();
    } else {
      out = at::empty_like(q), lse = at::empty({0, q.size(1)}, q.options());
    }
    own_forward(pieces_of(lengths), q, k, v, scale, out, lse);
    ctx->save_for_backward({q, k, v, prompt_k, prompt_v, out, lse});
    ctx->saved_data["lengths"] = lengths;
    ctx->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &prompt_k = saved[3], &prompt_v = saved[4],
                     &out = saved[5], &lse = saved[6];
    const double scale = ctx->saved_data["scale"].toDouble();
    const at::Tensor grad = gradients[0].contiguous();
    const int64_t tokens = q.size(0), prompt = prompt_k.size(0);
    if (tokens == 0) {
      return {q.clone(), k.clone(), v.clone(), at::zeros_like(prompt_k), at::zeros_like(prompt_v), {}, {}};
    }
    const SegmentGradients shared =
        segment_backward(span(grad, 0, tokens), span(q, 0, tokens), span(prompt_k, 0, prompt),
                         span(prompt_v, 0, prompt), {span(out, 0, tokens), lse.t().unsqueeze(0)}, false, scale);
    SegmentGradients own{rows(shared.q).contiguous(), at::empty_like(k, at::MemoryFormat::Contiguous),
                         at::empty_like(v, at::MemoryFormat::Contiguous)};
    own_backward(pieces_of(ctx->saved_data["lengths"].toIntVector()), grad, q, k, v, out, lse, scale, own);
    return {own.q, own.k, own.v, rows(shared.k), rows(shared.v), {}, {}};
  }
};

}  // namespace

at::Tensor response_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& prompt_k,
                              const at::Tensor& prompt_v, const std::vector<int64_t>& lengths, double scale) {
  return ResponseAttentionFunction::apply(q, k, v, prompt_k, prompt_v, lengths, scale);
}

}  // namespace golong::nn

// Attention of packed groups: three kinds of segments (prompts on themselves, responses on their prompt, responses on
// themselves), merged; the backward pass runs through the same segments with the merged results.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cassert>
#include <numeric>

#include "core/nn/attention.h"
#include "core/nn/own_attention.h"
#include "core/nn/segment.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Where the segments of a packed sequence lie.
struct Plan {
  struct Span {
    int64_t prompt_start, prompt, response_start, response;  // in tokens; response: all responses of the group together
  };
  std::vector<Span> groups;
  std::vector<Piece> responses;
};

Plan make_plan(const std::vector<int64_t>& encoded) {
  Plan plan;
  int64_t start = 0;
  for (size_t i = 0; i < encoded.size();) {
    int64_t prompt = encoded[i], count = encoded[i + 1];
    int64_t response_start = start + prompt, end = response_start;
    for (int64_t r = 0; r < count; ++r) {
      int64_t length = encoded[i + 2 + r];
      if (length > 0) plan.responses.push_back({end, length});
      end += length;
    }
    plan.groups.push_back({start, prompt, response_start, end - response_start});
    start = end;
    i += 2 + count;
  }
  return plan;
}

std::vector<int64_t> encode(const std::vector<GroupLayout>& groups) {
  std::vector<int64_t> encoded;
  for (const GroupLayout& group : groups) {
    assert(group.prompt > 0);
    encoded.push_back(group.prompt);
    encoded.push_back(static_cast<int64_t>(group.responses.size()));
    encoded.insert(encoded.end(), group.responses.begin(), group.responses.end());
  }
  return encoded;
}

struct GroupAttentionFunction : torch::autograd::Function<GroupAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<int64_t>& encoded, double scale) {
    Plan plan = make_plan(encoded);
    at::Tensor out = at::empty_like(q, at::MemoryFormat::Contiguous);
    at::ScalarType wide = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    at::Tensor lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(wide));
    for (const Plan::Span& g : plan.groups) {
      at::Tensor keys = span(k, g.prompt_start, g.prompt), values = span(v, g.prompt_start, g.prompt);
      Partial own = segment_forward(span(q, g.prompt_start, g.prompt), keys, values, true, scale);
      out.narrow(0, g.prompt_start, g.prompt).copy_(rows(own.out));
      lse.narrow(0, g.prompt_start, g.prompt).copy_(own.lse.squeeze(0).t());
      if (g.response == 0) continue;
      Partial shared = segment_forward(span(q, g.response_start, g.response), keys, values, false, scale);
      out.narrow(0, g.response_start, g.response).copy_(rows(shared.out));
      lse.narrow(0, g.response_start, g.response).copy_(shared.lse.squeeze(0).t());
    }
    own_forward(plan.responses, q, k, v, scale, out, lse);
    ctx->save_for_backward({q, k, v, out, lse});
    ctx->saved_data["groups"] = encoded;
    ctx->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &lse = saved[4];
    double scale = ctx->saved_data["scale"].toDouble();
    Plan plan = make_plan(ctx->saved_data["groups"].toIntVector());
    at::Tensor grad = gradients[0].contiguous();
    at::Tensor gq = at::empty_like(q, at::MemoryFormat::Contiguous),
               gk = at::empty_like(k, at::MemoryFormat::Contiguous),
               gv = at::empty_like(v, at::MemoryFormat::Contiguous);
    auto backward_of = [&](int64_t q_start, int64_t q_count, int64_t k_start, int64_t k_count, bool causal) {
      Partial merged{span(out, q_start, q_count), lse.narrow(0, q_start, q_count).t().unsqueeze(0)};
      return segment_backward(span(grad, q_start, q_count), span(q, q_start, q_count), span(k, k_start, k_count),
                              span(v, k_start, k_count), merged, causal, scale);
    };
    for (const Plan::Span& g : plan.groups) {
      SegmentGradients own = backward_of(g.prompt_start, g.prompt, g.prompt_start, g.prompt, true);
      gq.narrow(0, g.prompt_start, g.prompt).copy_(rows(own.q));
      at::Tensor key_grad = gk.narrow(0, g.prompt_start, g.prompt), value_grad = gv.narrow(0, g.prompt_start, g.prompt);
      key_grad.copy_(rows(own.k));
      value_grad.copy_(rows(own.v));
      if (g.response == 0) continue;
      SegmentGradients shared = backward_of(g.response_start, g.response, g.prompt_start, g.prompt, false);
      gq.narrow(0, g.response_start, g.response).copy_(rows(shared.q));
      key_grad.add_(rows(shared.k));
      value_grad.add_(rows(shared.v));
    }
    own_backward(plan.responses, grad, q, k, v, out, lse, scale, {gq, gk, gv});
    return {gq, gk, gv, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

int64_t GroupLayout::tokens() const { return std::accumulate(responses.begin(), responses.end(), prompt); }

at::Tensor group_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<GroupLayout>& groups, double scale) {
  return GroupAttentionFunction::apply(q, k, v, encode(groups), scale);
}

}  // namespace golong::nn

// Attention of packed groups: three kinds of segments (prompts on themselves, responses on their prompt, responses on
// themselves), merged; the backward pass runs through the same segments with the merged results.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cassert>
#include <numeric>

#include "core/nn/attention.h"
#include "core/nn/segment.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Responses of similar length, from any groups, that are run as one padded batch of causal segments.
struct Bucket {
  int64_t rows = 0;
  int64_t length = 0;
  std::vector<int64_t> gather;  // [rows * length] token of each place; padding repeats a response's last token
  std::vector<int64_t> places;  // places that are no padding
  std::vector<int64_t> tokens;  // the tokens of those places
};

// Where the segments of a packed sequence lie.
struct Plan {
  struct Span {
    int64_t prompt_start, prompt, response_start, response;  // in tokens; response: all responses of the group together
  };
  std::vector<Span> groups;
  std::vector<Bucket> buckets;
};

struct Piece {
  int64_t start, length;
};

// Fills buckets from the longest response down. Padding is bounded: a bucket takes a response while its places stay
// below 1.5 times its tokens, or are few anyway.
std::vector<Bucket> make_buckets(std::vector<Piece> pieces) {
  constexpr int64_t kFewPlaces = 4096;
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.length > b.length; });
  std::vector<Bucket> buckets;
  int64_t used = 0;
  for (const Piece& piece : pieces) {
    bool fits = !buckets.empty();
    if (fits) {
      int64_t places = (buckets.back().rows + 1) * buckets.back().length;
      fits = places <= kFewPlaces || 2 * places <= 3 * (used + piece.length);
    }
    if (!fits) {
      buckets.emplace_back();
      buckets.back().length = piece.length;
      used = 0;
    }
    Bucket& bucket = buckets.back();
    for (int64_t i = 0; i < bucket.length; ++i) {
      if (i < piece.length) {
        bucket.places.push_back(static_cast<int64_t>(bucket.gather.size()));
        bucket.tokens.push_back(piece.start + i);
      }
      bucket.gather.push_back(piece.start + std::min(i, piece.length - 1));
    }
    ++bucket.rows;
    used += piece.length;
  }
  return buckets;
}

Plan make_plan(const std::vector<int64_t>& encoded) {
  Plan plan;
  std::vector<Piece> pieces;
  int64_t start = 0;
  for (size_t i = 0; i < encoded.size();) {
    int64_t prompt = encoded[i], count = encoded[i + 1];
    int64_t response_start = start + prompt, end = response_start;
    for (int64_t r = 0; r < count; ++r) {
      int64_t length = encoded[i + 2 + r];
      if (length > 0) pieces.push_back({end, length});
      end += length;
    }
    plan.groups.push_back({start, prompt, response_start, end - response_start});
    start = end;
    i += 2 + count;
  }
  plan.buckets = make_buckets(std::move(pieces));
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

// [T, H, D] -> [1, H, count, D] without a copy.
at::Tensor span(const at::Tensor& x, int64_t start, int64_t count) {
  return x.narrow(0, start, count).transpose(0, 1).unsqueeze(0);
}

// [1, H, count, D] -> [count, H, D]
at::Tensor rows(const at::Tensor& x) { return x.squeeze(0).transpose(0, 1); }

at::Tensor index(const std::vector<int64_t>& values, const at::Tensor& like) {
  return at::tensor(values, at::kLong).to(like.device());
}

// [T, H, ...] gathered into [rows, H, length, ...]
at::Tensor gather(const at::Tensor& x, const Bucket& bucket, const at::Tensor& places) {
  at::Tensor taken = x.index_select(0, places);
  std::vector<int64_t> shape = taken.sizes().vec();
  shape[0] = bucket.length;
  shape.insert(shape.begin(), bucket.rows);
  return taken.view(shape).transpose(1, 2);
}

// The inverse for the places that are no padding: [rows, H, length, ...] -> [tokens of the bucket, H, ...]
at::Tensor scatter(const at::Tensor& x, const at::Tensor& places) {
  at::Tensor flat = x.transpose(1, 2).flatten(0, 1);
  return flat.index_select(0, places);
}

// Merges a second result into rows of the first: out [n, H, D], lse [n, H].
void merge_rows(at::Tensor& out, at::Tensor& lse, const at::Tensor& other_out, const at::Tensor& other_lse) {
  at::Tensor merged = at::logaddexp(lse, other_lse);
  at::Tensor mine = (lse - merged).exp_().unsqueeze(-1), theirs = (other_lse - merged).exp_().unsqueeze(-1);
  out = (out * mine + other_out * theirs).to(out.scalar_type());
  lse = merged;
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
    for (const Bucket& bucket : plan.buckets) {
      at::Tensor all = index(bucket.gather, q), places = index(bucket.places, q), tokens = index(bucket.tokens, q);
      Partial own =
          segment_forward(gather(q, bucket, all), gather(k, bucket, all), gather(v, bucket, all), true, scale);
      at::Tensor merged_out = out.index_select(0, tokens), merged_lse = lse.index_select(0, tokens);
      merge_rows(merged_out, merged_lse, scatter(own.out, places), scatter(own.lse, places));
      out.index_copy_(0, tokens, merged_out);
      lse.index_copy_(0, tokens, merged_lse);
    }
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
    for (const Bucket& bucket : plan.buckets) {
      at::Tensor all = index(bucket.gather, q), places = index(bucket.places, q), tokens = index(bucket.tokens, q);
      // Padding has gradient 0, so it adds nothing to what it repeats.
      at::Tensor padded = at::zeros({bucket.rows * bucket.length, q.size(1), q.size(2)}, grad.options());
      padded.index_copy_(0, places, grad.index_select(0, tokens));
      padded = padded.view({bucket.rows, bucket.length, q.size(1), q.size(2)}).transpose(1, 2);
      Partial merged{gather(out, bucket, all), gather(lse, bucket, all)};
      SegmentGradients own = segment_backward(padded, gather(q, bucket, all), gather(k, bucket, all),
                                              gather(v, bucket, all), merged, true, scale);
      gq.index_add_(0, tokens, scatter(own.q, places));
      gk.index_copy_(0, tokens, scatter(own.k, places));
      gv.index_copy_(0, tokens, scatter(own.v, places));
    }
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

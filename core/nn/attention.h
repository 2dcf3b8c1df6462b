// Attention over a long context is a merge of partial results: `attend` works on one segment of keys, `merge` joins the
// results by log-sum-exp. Training a group, generating a group and chunked prefill are these two functions.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace golong::nn {

struct Partial {
  at::Tensor out;  // [B, H, Tq, D]
  at::Tensor lse;  // [B, H, Tq] float32, log of the sum of exp of the scaled scores
};

// One segment. q [B, H, Tq, D], k and v [B, Hkv, Tk, D], H a multiple of Hkv (grouped query). `causal`: query i sees
// keys 0..i (aligned top-left, Tq <= Tk or Tq == Tk). Tq and Tk must not be 0. No autograd.
Partial attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale);

// Joins partial results over different keys for the same queries.
Partial merge(const std::vector<Partial>& partials);

// Lengths of one group in a packed sequence [prompt | response 1 | ... | response n].
struct GroupLayout {
  int64_t prompt = 0;              // tokens of the prompt, at least 1
  std::vector<int64_t> responses;  // tokens of each response, 0 allowed
  int64_t tokens() const;          // prompt + sum of responses
};

// Attention of packed groups with exact gradients (an autograd function of our own: backward of every segment uses the
// merged out and lse). q [T, H, D], k and v [T, Hkv, D], T = sum of the groups' tokens. Prompt tokens see the prompt
// causally; response tokens see the whole prompt and their own response causally. Returns [T, H, D].
at::Tensor group_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<GroupLayout>& groups, double scale);

}  // namespace golong::nn

// Attention of packed groups over shared prompts. Attention over a long context is a merge of partial results: each is
// over one segment of keys (nn/segment.h), and they are joined by log-sum-exp.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace golong::nn {

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

// The responses of one group alone, behind a prompt whose keys and values are given: for groups that are run part by
// part. q [T, H, D], k and v [T, Hkv, D] of the responses' tokens, T = sum of `lengths`, maybe 0; prompt_k and prompt_v
// [P, Hkv, D]. Gradients to all five. Returns [T, H, D].
at::Tensor response_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& prompt_k,
                              const at::Tensor& prompt_v, const std::vector<int64_t>& lengths, double scale);

}  // namespace golong::nn

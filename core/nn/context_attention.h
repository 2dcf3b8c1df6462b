// Attention of the tokens that one of several context ranks has, with exact gradients: its chunks of prompts and its
// responses (nn/context_layout.h) see the same keys as in group_attention, wherever they are.
#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "core/nn/context_layout.h"
#include "core/parallel/group.h"

namespace golong::nn {

// gather: keys and values of the prompts are gathered in each layer, and again in its backward pass; the gradients to
// them are summed where they belong. heads: tokens are exchanged for heads, so that each rank attends with some heads
// of all tokens (Ulysses); what it keeps for the backward pass is as much.
enum class ContextMethod { gather, heads };

// The ranks that share tokens, and how they attend; by default one process alone.
struct Context {
  parallel::Group ranks;
  ContextMethod method = ContextMethod::gather;

  bool alone() const { return ranks.alone(); }
  int64_t size() const { return ranks.size(); }
  int64_t rank() const { return ranks.rank(); }
};

// parallel.context_method
ContextMethod parse_context_method(const std::string& name);

// Throws Error where a model's kv heads cannot be shared out among so many context ranks.
void check_context_heads(ContextMethod method, int64_t ranks, int64_t kv_heads);

struct GatherPlan;
struct HeadPlan;

// Attention in one micro-batch. All context ranks make it of the same layouts, and call it equally often and in the
// same order, forward and backward, with any number of rows and with none. Copies are the same. Not thread-safe.
class ContextAttention {
 public:
  // Where the prompts' tokens are: among the rows, before the responses of their group, or kept from an earlier pass.
  enum class Prompts { in_rows, kept };

  // `device`: of the tensors.
  ContextAttention(const std::vector<ContextLayout>& layouts, const Context& context, Prompts prompts,
                   at::Device device);

  // Prompts in the rows: q [T, H, D], k and v [T, Hkv, D], T the rows of this rank, one group after the other. Returns
  // [T, H, D].
  at::Tensor operator()(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) const;

  // Prompts kept: q, k and v are of the responses alone; prompt_k and prompt_v [P, Hkv, D] of this rank's chunks of the
  // prompts. Gradients to all five.
  at::Tensor operator()(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& prompt_k,
                        const at::Tensor& prompt_v, double scale) const;

 private:
  std::shared_ptr<const GatherPlan> gather_;  // one of the two
  std::shared_ptr<const HeadPlan> heads_;
};

}  // namespace golong::nn

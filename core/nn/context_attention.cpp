#include "core/nn/context_attention.h"

#include "core/base/error.h"
#include "core/nn/gathered_attention.h"
#include "core/nn/head_attention.h"

namespace golong::nn {

ContextMethod parse_context_method(const std::string& name) {
  if (name == "gather") return ContextMethod::gather;
  if (name == "heads") return ContextMethod::heads;
  fail("there is no parallel.context_method \"", name, "\"; there are \"gather\" and \"heads\"");
}

void check_context_heads(ContextMethod method, int64_t ranks, int64_t kv_heads) {
  if (method != ContextMethod::heads || kv_heads % ranks == 0) return;
  fail("parallel.context_method = \"heads\" shares the model's ", kv_heads, " kv heads out among ", ranks,
       " context ranks, which does not come out even; choose a parallel.context that divides ", kv_heads,
       ", or parallel.context_method = \"gather\"");
}

ContextAttention::ContextAttention(const std::vector<ContextLayout>& layouts, const Context& context, Prompts prompts,
                                   at::Device device) {
  if (context.method == ContextMethod::gather) {
    gather_ = make_gather_plan(layouts, context.ranks, prompts == Prompts::kept);
  } else {
    heads_ = make_head_plan(layouts, context.ranks, prompts == Prompts::kept, device);
  }
}

at::Tensor ContextAttention::operator()(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                        double scale) const {
  return gather_ ? gathered_attention(gather_, q, k, v, {}, {}, scale) : head_attention(heads_, q, k, v, {}, {}, scale);
}

at::Tensor ContextAttention::operator()(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                        const at::Tensor& prompt_k, const at::Tensor& prompt_v, double scale) const {
  return gather_ ? gathered_attention(gather_, q, k, v, prompt_k, prompt_v, scale)
                 : head_attention(heads_, q, k, v, prompt_k, prompt_v, scale);
}

}  // namespace golong::nn

#include "core/train/forward.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace golong {

nn::TokenLogprobs response_logprobs(const Model& model, const Packed& packed, double temperature) {
  GroupAttention attention(packed.layouts);
  at::Tensor hidden = model.hidden(packed.token_ids, packed.positions, attention);
  return nn::token_logprobs(hidden.index_select(0, packed.rows), model.head(), packed.targets, temperature);
}

GroupLogprobs fixed_logprobs(const Model& model, const std::vector<const Group*>& groups, int64_t token_budget,
                             double temperature) {
  GroupLogprobs all;
  c10::NoGradGuard no_grad;
  for (const auto& part : split(groups, token_budget)) {
    at::Tensor logprobs =
        response_logprobs(model, pack(part, model.device()), temperature).logprobs.to(at::kCPU).contiguous();
    const float* next = logprobs.const_data_ptr<float>();
    for (const Group* group : part) {
      size_t tokens = 0;
      for (const Response& response : group->responses) tokens += response.token_ids.size();
      all[group].assign(next, next + tokens);
      next += tokens;
    }
  }
  return all;
}

}  // namespace golong

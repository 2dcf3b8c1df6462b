#include "core/train/forward.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/model/activations.h"
#include "core/nn/device_kernels.h"
#include "core/train/kept_prompt.h"

namespace golong {

int64_t layers_to_recompute(const Model& model, int64_t tokens, const std::string& mode, int64_t activation_bytes) {
  const auto number = static_cast<int64_t>(c10::elementSize(model.dtype()));
  const LayerKernels kernels = model.device().is_cpu()
                                   ? LayerKernels::cpu(number)
                                   : LayerKernels::cuda(number, nn::device_kernels(model.head()) != nullptr);
  return recomputed_layers(model.shape(), tokens, kernels, mode, activation_bytes);
}

nn::TokenLogprobs response_logprobs(const Model& model, const Packed& packed, double temperature, int64_t recomputed) {
  GroupAttention attention(packed.layouts);
  at::Tensor hidden = model.hidden(packed.token_ids, packed.positions, attention, recomputed);
  return nn::token_logprobs(hidden.index_select(0, packed.rows), model.head(), packed.targets, temperature);
}

GroupLogprobs fixed_logprobs(const Model& model, const std::vector<const Group*>& groups, int64_t token_budget,
                             double temperature, bool share_prefix) {
  GroupLogprobs all;
  c10::NoGradGuard no_grad;
  const auto add = [&](const Group& group, const at::Tensor& logprobs) {
    const at::Tensor values = logprobs.to(at::kCPU).contiguous();
    const auto* first = values.const_data_ptr<float>();
    std::vector<float>& to = all[&group];
    to.insert(to.end(), first, first + values.numel());
  };
  for (const auto& part : split(groups, token_budget, share_prefix)) {
    if (share_prefix && packed_tokens(*part[0]) > token_budget) {
      KeptPrompt prompt(model, part[0]->prompt.token_ids);
      for (const ResponseRange& range : response_parts(*part[0], token_budget)) {
        if (tokens_of(*part[0], range) > 0) add(*part[0], prompt.logprobs(*part[0], range, temperature).logprobs);
      }
      continue;
    }
    const at::Tensor logprobs =
        response_logprobs(model, pack(part, model.device(), share_prefix), temperature).logprobs;
    int64_t start = 0;
    for (const Group* group : part) {
      const int64_t tokens = tokens_of(*group, {0, group->responses.size()});
      add(*group, logprobs.narrow(0, start, tokens));
      start += tokens;
    }
  }
  return all;
}

}  // namespace golong

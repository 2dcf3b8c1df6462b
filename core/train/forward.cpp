#include "core/train/forward.h"

#include <ATen/ATen.h>

#include "core/model/activations.h"
#include "core/nn/device_kernels.h"

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

}  // namespace golong

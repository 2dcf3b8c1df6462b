#include "core/train/forward.h"

#include <ATen/ATen.h>

#include "core/model/activations.h"
#include "core/nn/device_kernels.h"
#include "core/nn/shared_rows.h"

namespace golong {

int64_t layers_to_recompute(const Model& model, int64_t tokens, const std::string& mode, int64_t activation_bytes) {
  const auto number = static_cast<int64_t>(c10::elementSize(model.dtype()));
  const LayerKernels kernels = model.device().is_cpu()
                                   ? LayerKernels::cpu(number)
                                   : LayerKernels::cuda(number, nn::device_kernels(model.head()) != nullptr);
  return recomputed_layers(model.shape(), tokens, kernels, mode, activation_bytes);
}

namespace {

// Attention of a micro-batch that is shared by context ranks.
class SharedAttention : public Attention {
 public:
  explicit SharedAttention(nn::ContextAttention attention) : attention_(std::move(attention)) {}

  at::Tensor attend(int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) override {
    return attention_(q, k, v, scale);
  }
  std::shared_ptr<Attention> again() const override { return std::make_shared<SharedAttention>(*this); }

 private:
  nn::ContextAttention attention_;
};

}  // namespace

at::Tensor hidden_states(const Model& model, const Packed& packed, int64_t recomputed) {
  if (packed.context) {
    SharedAttention attention(packed.context->attention);
    return model.hidden(packed.token_ids, packed.positions, attention, recomputed);
  }
  GroupAttention attention(packed.layouts);
  return model.hidden(packed.token_ids, packed.positions, attention, recomputed);
}

at::Tensor predicting_rows(const Packed& packed, const at::Tensor& hidden) {
  if (!packed.context) return hidden.index_select(0, packed.rows);
  const at::Tensor shared = nn::shared_rows(hidden, packed.context->last_rows, packed.context->ranks.ranks);
  return at::cat({shared, hidden}).index_select(0, packed.rows);
}

nn::TokenLogprobs response_logprobs(const Model& model, const Packed& packed, double temperature, int64_t recomputed) {
  const at::Tensor rows = predicting_rows(packed, hidden_states(model, packed, recomputed));
  return nn::token_logprobs(rows, model.head(), packed.targets, temperature);
}

}  // namespace golong

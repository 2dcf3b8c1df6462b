#include "core/train/flops.h"

#include <ATen/core/Tensor.h>

#include "core/train/packing.h"

namespace golong {

namespace {

// Weights that each token is multiplied with; of the experts those that it is sent to.
double weights_of_token(const Model& model) {
  const ModelShape& shape = model.shape();
  double all = 0, experts = 0;
  for (const auto& [name, tensor] : model.parameters()) {
    if (tensor.dim() < 2 || name == "model.embed_tokens.weight" || name == "lm_head.weight") continue;
    const bool expert = name.find(".mlp.experts.") != std::string::npos;
    (expert ? experts : all) += static_cast<double>(tensor.numel());
  }
  if (experts > 0)
    all += experts * static_cast<double>(shape.experts.per_token) / static_cast<double>(shape.experts.count);
  return all;
}

}  // namespace

double forward_flops(const Model& model, const std::vector<const Group*>& groups, bool share_prefix) {
  double tokens = 0;
  double projected = 0;  // rows that the head turns into logits
  double pairs = 0;      // of a query and a key that it sees
  for (const Group* group : groups) {
    tokens += static_cast<double>(packed_tokens(*group, share_prefix));
    const auto prompt = static_cast<double>(group->prompt.token_ids.size());
    const double prompts = share_prefix ? 1 : static_cast<double>(group->responses.size());
    pairs += prompts * prompt * (prompt + 1) / 2;
    for (const Response& response : group->responses) {
      const auto own = static_cast<double>(response.token_ids.size());
      pairs += own * prompt + own * (own + 1) / 2;
      projected += own;
    }
  }
  const auto heads = static_cast<double>(model.shape().heads * model.shape().head_dim * model.shape().layers);
  return 2 * weights_of_token(model) * tokens + 4 * heads * pairs +
         2 * static_cast<double>(model.head().numel()) * projected;
}

}  // namespace golong

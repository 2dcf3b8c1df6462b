#include "core/model/flops.h"

namespace golong {

void PassSize::add_prompt(double prompt) {
  tokens += prompt;
  pairs += prompt * (prompt + 1) / 2;
}

void PassSize::add_response(double response, double prompt) {
  tokens += response;
  pairs += response * prompt + response * (response + 1) / 2;
  projected += response;
}

double token_weights(const ModelShape& shape) {
  const auto c = static_cast<double>(shape.hidden);
  const auto q = static_cast<double>(shape.heads * shape.head_dim),
             kv = static_cast<double>(shape.kv_heads * shape.head_dim);
  const ExpertShape& experts = shape.experts;
  double all = 0;
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    all += 2 * c * (q + kv);
    all += experts.in_layer(layer)
               ? c * static_cast<double>(experts.count + 3 * experts.per_token * experts.intermediate)
               : 3 * c * static_cast<double>(shape.intermediate);
  }
  return all;
}

double forward_flops(const ModelShape& shape, const PassSize& size) {
  const auto heads = static_cast<double>(shape.heads * shape.head_dim * shape.layers);
  return 2 * token_weights(shape) * size.tokens + 4 * heads * size.pairs +
         2 * static_cast<double>(shape.vocabulary * shape.hidden) * size.projected;
}

}  // namespace golong

#include "core/model/parameter_count.h"

namespace golong {
namespace {

int64_t linear(int64_t out, int64_t in, bool bias) { return out * in + (bias ? out : 0); }

int64_t mlp(int64_t hidden, int64_t intermediate, bool bias) {
  return 2 * linear(intermediate, hidden, bias) + linear(hidden, intermediate, bias);
}

}  // namespace

int64_t parameter_count(const ModelShape& shape) {
  const int64_t c = shape.hidden, q = shape.heads * shape.head_dim, kv = shape.kv_heads * shape.head_dim;
  const bool bias = shape.attention_bias;
  int64_t count = shape.vocabulary * c * (shape.tied ? 1 : 2) + c;
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    count += 2 * c + linear(q, c, bias) + 2 * linear(kv, c, bias) + linear(c, q, bias);
    if (shape.qk_norm) count += 2 * shape.head_dim;
    const ExpertShape& experts = shape.experts;
    count += experts.in_layer(layer) ? experts.count * (c + mlp(c, experts.intermediate, false))
                                     : mlp(c, shape.intermediate, shape.mlp_bias);
  }
  return count;
}

}  // namespace golong

#include "core/model/parameter_count.h"

namespace golong {
namespace {

int64_t linear(int64_t out, int64_t in, bool bias) { return out * in + (bias ? out : 0); }

int64_t mlp(int64_t hidden, int64_t intermediate, bool bias) {
  return 2 * linear(intermediate, hidden, bias) + linear(hidden, intermediate, bias);
}

}  // namespace

int64_t layer_parameter_count(const ModelShape& shape, int64_t layer) {
  const int64_t c = shape.hidden, q = shape.heads * shape.head_dim, kv = shape.kv_heads * shape.head_dim;
  const bool bias = shape.attention_bias;
  const int64_t attention = linear(q, c, bias) + 2 * linear(kv, c, bias) + linear(c, q, bias);
  const int64_t norms = 2 * c + (shape.qk_norm ? 2 * shape.head_dim : 0);
  const ExpertShape& experts = shape.experts;
  return norms + attention +
         (experts.in_layer(layer) ? experts.count * (c + mlp(c, experts.intermediate, false))
                                  : mlp(c, shape.intermediate, shape.mlp_bias));
}

int64_t parameter_count(const ModelShape& shape) {
  int64_t count = shape.vocabulary * shape.hidden * (shape.tied ? 1 : 2) + shape.hidden;
  for (int64_t layer = 0; layer < shape.layers; ++layer) count += layer_parameter_count(shape, layer);
  return count;
}

}  // namespace golong

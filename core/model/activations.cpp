#include "core/model/activations.h"

#include <algorithm>

namespace golong {
namespace {

// Bytes for each token. Norms, RoPE and SwiGLU are kernels of our own (nn/layers.cpp), which keep their inputs and one
// scale for a row of a norm.

int64_t norm_bytes(int64_t width, int64_t rows, int64_t number) { return rows * (width * number + 4); }

// Gate, up, their product, which is the input of the last projection.
int64_t swiglu_bytes(int64_t intermediate, int64_t number) { return 3 * intermediate * number; }

int64_t mlp_bytes(const ModelShape& shape, int64_t layer, int64_t number) {
  if (!shape.experts.in_layer(layer)) return swiglu_bytes(shape.intermediate, number);
  const ExpertShape& experts = shape.experts;
  // Of each call its input, what its expert keeps, its output, its weight and three indices; the probabilities of all
  // experts, and of the chosen ones before they were divided by their sum.
  return experts.per_token * (2 * shape.hidden * number + swiglu_bytes(experts.intermediate, number) + number + 3 * 8) +
         4 * (experts.count + (experts.normalize ? experts.per_token + 1 : 0));
}

int64_t input_bytes(const ModelShape& shape, int64_t tokens, int64_t number) { return shape.hidden * tokens * number; }

}  // namespace

int64_t kept_bytes(const ModelShape& shape, int64_t layer, int64_t tokens, int64_t number) {
  const int64_t d = shape.head_dim, heads = shape.heads + shape.kv_heads;
  int64_t bytes = 2 * (norm_bytes(shape.hidden, 1, number) + shape.hidden * number);  // and what they give
  if (shape.qk_norm) bytes += norm_bytes(d, heads, number);
  bytes += 2 * heads * d * number + 4 * shape.heads;  // q, k, v, what attention gives, and its lse
  return tokens * (bytes + mlp_bytes(shape, layer, number));
}

int64_t activation_bytes(const ModelShape& shape, int64_t recomputed, int64_t tokens, int64_t number) {
  int64_t inputs = 0, again = 0, whole = 0;
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    const int64_t kept = kept_bytes(shape, layer, tokens, number);
    if (layer < recomputed) {
      inputs += input_bytes(shape, tokens, number);
      again = std::max(again, inputs - input_bytes(shape, tokens, number) + kept);
    } else {
      whole += kept;
    }
  }
  return std::max(inputs + whole, again);
}

int64_t backward_bytes(const ModelShape& shape, int64_t tokens, int64_t number) {
  int64_t most = 0;  // of the layers, for each token
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    // Of gate and up; of experts those of their inputs and outputs, and of one that is added to them.
    const int64_t numbers =
        shape.experts.in_layer(layer) ? 3 * shape.experts.per_token * shape.hidden : 2 * shape.intermediate;
    most = std::max(most, numbers);
  }
  return tokens * number * (most + 2 * shape.hidden);  // beside those of the layer's output and of the MLP's input
}

int64_t recomputed_layers(const ModelShape& shape, int64_t tokens, int64_t number, const std::string& mode,
                          int64_t budget) {
  if (mode != "auto") return mode == "all" ? shape.layers : 0;
  int64_t layers = 0;
  while (layers < shape.layers && activation_bytes(shape, layers, tokens, number) > budget) ++layers;
  return layers;
}

}  // namespace golong

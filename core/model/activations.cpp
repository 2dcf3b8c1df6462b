#include "core/model/activations.h"

#include <algorithm>

namespace golong {
namespace {

// Bytes for each token.

// A norm over rows of `width`: its input and the rows' scales; LibTorch's operations keep what is scaled, in float32,
// beside the input.
int64_t norm_bytes(int64_t width, int64_t rows, const LayerKernels& kernels) {
  return rows * (width * (kernels.fused_norms ? kernels.number_bytes : 8) + 4);
}

// Gate, up, their product, which is the input of the last projection; where it is not one kernel, the sigmoid's
// product.
int64_t swiglu_bytes(int64_t intermediate, const LayerKernels& kernels) {
  return (kernels.fused ? 3 : 4) * intermediate * kernels.number_bytes;
}

int64_t mlp_bytes(const ModelShape& shape, int64_t layer, const LayerKernels& kernels) {
  if (!shape.experts.in_layer(layer)) return swiglu_bytes(shape.intermediate, kernels);
  const ExpertShape& experts = shape.experts;
  const int64_t number = kernels.number_bytes;
  // Of each call its input, what its expert keeps, its output, its weight and three indices; the probabilities of all
  // experts, and of the chosen ones before they were divided by their sum.
  return experts.per_token *
             (2 * shape.hidden * number + swiglu_bytes(experts.intermediate, kernels) + number + 3 * 8) +
         4 * (experts.count + (experts.normalize ? experts.per_token + 1 : 0));
}

}  // namespace

int64_t input_bytes(const ModelShape& shape, int64_t tokens, const LayerKernels& kernels) {
  return shape.hidden * tokens * kernels.number_bytes;
}

int64_t kept_bytes(const ModelShape& shape, int64_t layer, int64_t tokens, const LayerKernels& kernels) {
  const int64_t d = shape.head_dim, heads = shape.heads + shape.kv_heads, number = kernels.number_bytes;
  int64_t bytes = 2 * (norm_bytes(shape.hidden, 1, kernels) + shape.hidden * number);  // and what they give
  if (shape.qk_norm) bytes += norm_bytes(d, heads, kernels);
  // Cosines and sines for queries and for keys, converted; what is float32 already serves all layers.
  if (!kernels.fused && number != 4) bytes += 4 * d * number;
  bytes += 2 * heads * d * number + 4 * shape.heads;  // q, k, v, what attention gives, and its lse
  return tokens * (bytes + mlp_bytes(shape, layer, kernels));
}

int64_t activation_bytes(const ModelShape& shape, int64_t recomputed, int64_t tokens, const LayerKernels& kernels) {
  const int64_t input = input_bytes(shape, tokens, kernels);
  int64_t inputs = 0, again = 0, whole = 0;
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    const int64_t kept = kept_bytes(shape, layer, tokens, kernels);
    if (layer < recomputed) {
      again = std::max(again, inputs + kept);
      inputs += input;
    } else {
      whole += kept;
    }
  }
  return std::max(inputs + whole, again);
}

int64_t backward_bytes(const ModelShape& shape, int64_t layer, int64_t tokens, const LayerKernels& kernels) {
  // Of gate and up, or where these are written in their place of their product; of experts those of their inputs and
  // outputs, and of one that is added to them.
  const int64_t numbers = shape.experts.in_layer(layer) ? 3 * shape.experts.per_token * shape.hidden
                                                        : (kernels.in_place ? 1 : 2) * shape.intermediate;
  // Beside those of the layer's output and of the MLP's input.
  return tokens * kernels.number_bytes * (numbers + 2 * shape.hidden);
}

int64_t recomputed_layers(const ModelShape& shape, int64_t tokens, const LayerKernels& kernels, const std::string& mode,
                          int64_t budget) {
  if (mode != "auto") return mode == "all" ? shape.layers : 0;
  int64_t layers = 0;
  while (layers < shape.layers && activation_bytes(shape, layers, tokens, kernels) > budget) ++layers;
  return layers;
}

}  // namespace golong

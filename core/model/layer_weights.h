// What happens around each pass through a layer, where its weights are not simply there (model/sharded_states.h).
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace golong {

// Functions are called by the thread that runs the pass, layers in order: forward from the first, backward from the
// last. A layer that is recomputed in its backward pass is so between before_backward and after_backward.
class LayerWeights {
 public:
  virtual ~LayerWeights() = default;
  virtual void before_forward(int64_t layer) = 0;
  virtual void after_forward(int64_t layer) = 0;
  virtual void before_backward(int64_t layer) = 0;
  virtual void after_backward(int64_t layer) = 0;  // all gradients of its parameters are in their .grad
};

// x as it is, and in the backward pass `after_backward` once its gradient is known. Where no gradient is asked for
// `before_forward` alone. `weights` lives until the backward pass is done.
at::Tensor enter_layer(LayerWeights& weights, int64_t layer, const at::Tensor& x);

// What the layer gives, as it is; `after_forward`, and in the backward pass `before_backward` before any of its own
// operations.
std::vector<at::Tensor> leave_layer(LayerWeights& weights, int64_t layer, const std::vector<at::Tensor>& outputs);

}  // namespace golong

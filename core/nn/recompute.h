// Recomputation of activations: a part of a model keeps nothing but its input, and runs again in the backward pass.
#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace golong::nn {

// A part of a model: its input to its outputs, all with gradients. Gives the same numbers each time; what it reads
// beside the input lives until the backward pass is done.
using Body = std::function<std::vector<at::Tensor>(const at::Tensor&)>;

// body(x), of which only x is kept for the backward pass. There the body runs once more; the gradients of parameters
// and of other leaves that it uses are added to their .grad (a torch::autograd::grad for them finds nothing), that of x
// goes on. All are those of body(x) itself, bit for bit. Gradients must be on, and x must have one. Not differentiable
// twice.
std::vector<at::Tensor> recomputed(const Body& body, const at::Tensor& x);

}  // namespace golong::nn

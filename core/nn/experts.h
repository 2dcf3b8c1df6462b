// MLPs, and mixtures of them of which a router chooses a few for each token.
#pragma once
#include <cstdint>
#include <vector>

#include "core/nn/layers.h"
#include "core/parallel/group.h"

namespace golong::nn {

// down(silu(gate(x)) * up(x))
struct Mlp {
  Linear gate, up, down;
  at::Tensor operator()(const at::Tensor& x) const;  // [..., C] -> [..., C]
};

// Experts of a layer, all of the same shapes and without biases: all that it has, or those that a rank keeps.
class Experts {
 public:
  explicit Experts(int64_t count = 0) { each_.reserve(static_cast<size_t>(count)); }

  // On CUDA the weights are moved: those of all experts lie one behind the other, and are multiplied with at once. They
  // stay the parameters that they are, and may be moved again: they are still multiplied with at once where they lie at
  // even distances. At most as many as were announced.
  void add(Mlp expert);

  int64_t count() const { return static_cast<int64_t>(each_.size()); }
  const std::vector<Mlp>& each() const { return each_; }

  // x [N, C], rows of one expert together, in the experts' order; `ends` [E] int32 is the row behind the last of each.
  // -> [N, C]
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& ends) const;

 private:
  // Of one projection the weights of all experts.
  struct Stack {
    std::vector<at::Tensor> each;
    void add(at::Tensor& weight, size_t count);
    at::Tensor all() const;
  };

  std::vector<Mlp> each_;
  Stack gate_, up_, down_;  // on CUDA
};

// x [T, C], router C -> E, E experts -> [T, C]: of each token the sum over the `per_token` experts of highest
// probability softmax(router(x)) of probability times output, the probabilities divided by their sum where
// `normalize`. An expert computes all of its tokens in one product; on CUDA in bfloat16 all experts do.
//
// The experts are shared out over the ranks of `group`: rank r of N has `experts` number r*E/N to (r+1)*E/N, and rows
// go there and back. All ranks call it together, and run its backward pass together, each with its own x, of no rows
// perhaps. A rank's experts get the gradients of all ranks' rows, its router those of its own.
at::Tensor mix_experts(const at::Tensor& x, const Linear& router, const Experts& experts, int64_t per_token,
                       bool normalize, const parallel::Group& group = {});

}  // namespace golong::nn

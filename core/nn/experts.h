// MLPs, and mixtures of them of which a router chooses a few for each token.
#pragma once
#include <cstdint>
#include <vector>

#include "core/nn/layers.h"

namespace golong::nn {

// down(silu(gate(x)) * up(x))
struct Mlp {
  Linear gate, up, down;
  at::Tensor operator()(const at::Tensor& x) const;  // [..., C] -> [..., C]
};

// The experts of a layer, all of the same shapes and without biases.
class Experts {
 public:
  explicit Experts(int64_t count = 0) { each_.reserve(static_cast<size_t>(count)); }

  // On CUDA the weights are moved: those of all experts lie one behind the other, and are multiplied with at once. They
  // stay the parameters that they are. At most as many as were announced.
  void add(Mlp expert);

  int64_t count() const { return static_cast<int64_t>(each_.size()); }
  const std::vector<Mlp>& each() const { return each_; }

  // x [N, C], rows of one expert together, in the experts' order; `ends` [E] int32 is the row behind the last of each.
  // -> [N, C]
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& ends) const;

 private:
  // One projection of all experts.
  struct Stack {
    at::Tensor all;                // [E, out, in], or undefined
    std::vector<at::Tensor> each;  // the parameters, which are views of it
    void add(at::Tensor& weight, size_t place, size_t count);
    at::Tensor operator()(const at::Tensor& x, const at::Tensor& ends) const;
  };

  bool is_stacked(const at::Tensor& x) const;

  std::vector<Mlp> each_;
  Stack gate_, up_, down_;
};

// x [T, C], router C -> E, E experts -> [T, C]: of each token the sum over the `per_token` experts of highest
// probability softmax(router(x)) of probability times output, the probabilities divided by their sum where
// `normalize`. An expert computes all of its tokens in one product; on CUDA in bfloat16 all experts do.
at::Tensor mix_experts(const at::Tensor& x, const Linear& router, const Experts& experts, int64_t per_token,
                       bool normalize);

}  // namespace golong::nn

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

// x [T, C], router C -> E, E experts -> [T, C]: of each token the sum over the `per_token` experts of highest
// probability softmax(router(x)) of probability times output, the probabilities divided by their sum where
// `normalize`. An expert computes all of its tokens in one product.
at::Tensor mix_experts(const at::Tensor& x, const Linear& router, const std::vector<Mlp>& experts, int64_t per_token,
                       bool normalize);

}  // namespace golong::nn

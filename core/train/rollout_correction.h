// Importance correction: the rollout's probabilities differ a little from the trainer's (other kernels, other dtype, or
// older weights), and a token drawn from the one is weighted by the ratio to count as drawn from the other.
#pragma once
#include <ATen/core/Tensor.h>

#include "core/config/config.h"
#include "core/train/loss.h"

namespace golong {

struct RolloutWeights {
  at::Tensor weights;  // [T] float32, without gradient
  at::Tensor vetoed;   // [T] bool, tokens of a response with a ratio below `veto`
};

// A token's ratio is exp(old - rollout); by `level` it is taken alone, or all tokens of a response share the product or
// the geometric mean of theirs. `mode` makes the weight of it: clip, 0 outside [lower, upper]; mask, 1 inside and 0
// outside; truncate, at most upper. A veto makes all weights of its response 0. Tokens of weight 0 still count in what
// a loss is divided by.
RolloutWeights rollout_weights(const LossInput& input, const RolloutCorrectionConfig& config);

}  // namespace golong

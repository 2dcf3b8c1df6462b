// Log-probabilities of the responses of packed groups.
#pragma once
#include <cstdint>
#include <string>

#include "core/data/group.h"
#include "core/model/model.h"
#include "core/nn/logprob.h"
#include "core/train/packing.h"

namespace golong {

// Layers to run again in the backward pass of so many tokens (train.recompute, sft.recompute).
int64_t layers_to_recompute(const Model& model, int64_t tokens, const std::string& mode, int64_t activation_bytes);

// Of the response tokens of a micro-batch, in the order of `packed.targets`. `recomputed` layers keep their input alone
// (Model::hidden).
nn::TokenLogprobs response_logprobs(const Model& model, const Packed& packed, double temperature,
                                    int64_t recomputed = 0);

}  // namespace golong

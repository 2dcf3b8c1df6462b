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

// Last hidden states of a micro-batch's rows [T, C]. `recomputed` layers keep their input alone (Model::hidden);
// context ranks say the same number.
at::Tensor hidden_states(const Model& model, const Packed& packed, int64_t recomputed = 0);

// Those that predict the response tokens, [R, C] in the order of `packed.targets`. Context ranks call it together.
at::Tensor predicting_rows(const Packed& packed, const at::Tensor& hidden);

// Of the response tokens of a micro-batch, in the order of `packed.targets`.
nn::TokenLogprobs response_logprobs(const Model& model, const Packed& packed, double temperature,
                                    int64_t recomputed = 0);

}  // namespace golong

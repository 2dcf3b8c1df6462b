// Log-probabilities of the responses of packed groups: with gradient for a micro-batch, without for a whole batch.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

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

// Of each group's response tokens, one after the other: 4 bytes a token. Empty where nobody asked for them.
using GroupLogprobs = std::map<const Group*, std::vector<float>>;

// In micro-batches of `token_budget` tokens; of a group with more the responses are run part by part.
GroupLogprobs fixed_logprobs(const Model& model, const std::vector<const Group*>& groups, int64_t token_budget,
                             double temperature, bool share_prefix = true);

}  // namespace golong

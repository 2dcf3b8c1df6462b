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
#include "core/train/passes.h"

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

// Of the tokens of each response of a group: 4 bytes a token. Empty where nobody asked for them.
using GroupLogprobs = std::map<const Group*, std::vector<std::vector<float>>>;

// Of the responses that this rank computes (`deal`), which are those that its loss is of; others are left empty. All
// ranks of `context` have the same passes; ranks of other parts of a batch may have others, filled up (fill_up).
GroupLogprobs fixed_logprobs(const Model& model, const Passes& passes, double temperature, bool share_prefix = true,
                             const nn::Context& context = {});

}  // namespace golong

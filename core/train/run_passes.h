// Runs the passes that were planned for a rank (train/passes.h), with or without gradients.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "core/data/group.h"
#include "core/model/model.h"
#include "core/nn/context_attention.h"
#include "core/nn/logprob.h"
#include "core/train/packing.h"
#include "core/train/passes.h"

namespace golong {

struct PassRules {
  double temperature = 1;
  bool share_prefix = true;
  std::function<int64_t(int64_t tokens)> recomputed;  // layers to run again in the backward pass of so many tokens
  nn::Context context;                                // ranks that share the tokens
};

struct PassVisitor {
  // The log-probabilities of the slices' tokens, one after the other; maybe of none. It may run their backward pass.
  std::function<void(const std::vector<Slice>&, const nn::TokenLogprobs&)> forward;
  // The backward pass of a kept prompt is done. Not called where gradients are off.
  std::function<void()> prompt_backward;
};

void run_passes(const Model& model, const Passes& passes, const PassRules& rules, const PassVisitor& visitor);

// Of the tokens of each response of a group: 4 bytes a token; empty for those that another rank computes. Empty where
// nobody asked for them.
using GroupLogprobs = std::map<const Group*, std::vector<std::vector<float>>>;

// Adds those of the passes, without gradients.
void add_logprobs(const Model& model, const Passes& passes, const PassRules& rules, GroupLogprobs& to);

}  // namespace golong

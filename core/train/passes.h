// The forward passes of an update, round by round (train/rounds.h): micro-batches of whole groups, then groups that are
// too large for one, whose prompt is computed once and kept.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "core/data/group.h"
#include "core/model/model.h"
#include "core/nn/logprob.h"
#include "core/train/kept_prompt.h"
#include "core/train/rounds.h"

namespace golong {

// Some responses of a group.
struct Slice {
  const Group* group;
  ResponseRange range;
};

struct PassRules {
  int64_t token_budget = 0;
  double temperature = 1;
  bool share_prefix = true;
  std::function<int64_t(int64_t tokens)> recomputed;  // layers to run again in a backward pass of so many tokens
};

struct PassVisitor {
  // The log-probabilities of these responses' tokens, one after the other; maybe of none. It may run their backward
  // pass.
  std::function<void(const std::vector<Slice>&, const nn::TokenLogprobs&)> forward;
  // A backward pass of a kept prompt is done; never without gradients.
  std::function<void()> prompt_backward;
  std::function<void(int64_t tokens)> computed;  // so many rows in this pass
};

void run_passes(const Model& model, const Rounds& rounds, const PassRules& rules, const PassVisitor& visitor);

}  // namespace golong

// The forward and backward passes that groups take: micro-batches of packed groups, and groups that are too large for
// one (train/kept_prompt.h). Plain arithmetic that every rank does for all ranks.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "core/data/group.h"
#include "core/train/packing.h"

namespace golong {

// Responses of a group that are run together: indices, by the context rank that computes them.
using Part = std::vector<std::vector<size_t>>;

// A group of which the prompt is run once and kept, and the responses part by part.
struct LargePass {
  const Group* group = nullptr;  // nullptr: none, a pass in step with others
  std::vector<Part> parts;
};

// First all packed, then all large.
struct Passes {
  std::vector<std::vector<const Group*>> packed;  // without groups: a pass in step with others
  std::vector<LargePass> large;
};

// Micro-batches in which each of `contexts` context ranks has at most `token_budget` tokens. Groups that have more go
// by themselves, part by part, or whole where prompts are not shared.
Passes plan_passes(const std::vector<const Group*>& groups, int64_t token_budget, bool share_prefix,
                   int64_t contexts = 1);

// Parts of responses in which each rank has at most `token_budget` tokens together with its share of the prompt, which
// is kept beside them, or a quarter of that where the prompt leaves less; at least one response each. Responses
// without tokens may be in none.
std::vector<Part> response_parts(const Group& group, int64_t token_budget, int64_t contexts = 1);

// The groups of each part of a batch: the one with most work goes to the part that has least, so that all are done at
// about the same time. Each part's are in the order of `groups`.
std::vector<std::vector<const Group*>> deal_groups(const std::vector<const Group*>& groups, int64_t parts,
                                                   const std::function<double(const Group&)>& work);

// Adds empty passes and parts, so that all have as many: their ranks run them in step.
void fill_up(std::vector<Passes>& all, int64_t contexts = 1);

// Tokens that the context rank with the most has in a micro-batch at most, and in the largest part of a large group
// together with the prompt. The same on all context ranks: recomputation is decided by it.
int64_t most_tokens(const std::vector<const Group*>& groups, bool share_prefix, int64_t contexts = 1);
int64_t most_tokens(const LargePass& pass, int64_t contexts = 1);

}  // namespace golong

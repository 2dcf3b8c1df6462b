// Which rank computes what of an update, round by round. Ranks that share layers or tokens run the same passes at the
// same time: in each round each has a micro-batch of its own, or an empty one.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "core/data/group.h"

namespace golong {

// One part of a batch (parallel::Mesh::part). Groups are the caller's.
struct Rounds {
  std::vector<std::vector<const Group*>> micro_batches;
  // Groups of more tokens than a micro-batch has: their responses are run in `parts` parts; nullptr: none.
  struct Large {
    const Group* group;
    int64_t parts;  // of the group with most of this round
  };
  std::vector<Large> large;
};

struct RoundRules {
  int64_t token_budget = 0;  // of a micro-batch, over all ranks that share its tokens
  bool share_prefix = true;
  bool in_step = false;                      // all parts have the same number of rounds, filled up with empty ones
  std::function<double(const Group&)> work;  // what a group takes, in any unit
};

// The groups of each part: the one with most work to the part that has least, so that all are done at about the same
// time. The same on all ranks; a part's groups are in the order of `groups`.
std::vector<std::vector<const Group*>> deal(const std::vector<const Group*>& groups, int64_t parts,
                                            const std::function<double(const Group&)>& work);

// Of part `part` of `parts`.
Rounds plan_rounds(const std::vector<const Group*>& groups, int64_t parts, int64_t part, const RoundRules& rules);

}  // namespace golong

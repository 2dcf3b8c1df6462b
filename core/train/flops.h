// What an update computes.
#pragma once
#include <vector>

#include "core/data/group.h"
#include "core/model/model.h"

namespace golong {

// Floating-point operations of one forward pass over groups as pack() lays them out (model/flops.h). The backward pass
// is twice that; what is computed again for want of memory does not count (model FLOPs).
double forward_flops(const Model& model, const std::vector<const Group*>& groups, bool share_prefix);

}  // namespace golong

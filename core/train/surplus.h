// Groups that a full step had no room for, and that wait for the next one (train.keep_surplus). They go into the
// checkpoint, so that a resumed run trains on the same ones.
#pragma once
#include <cstdint>
#include <vector>

#include "core/data/group.h"
#include "core/report/metrics.h"

namespace golong {

// Takes up to `count` groups from the front of `waiting`.
std::vector<Group> take_first(std::vector<Group>& waiting, size_t count);

// train/staleness: mean over responses of the updates that were made since their weights, whose number is
// `weights_step` now; train/surplus: groups that wait.
Metrics surplus_metrics(const std::vector<Group>& trained, const std::vector<Group>& waiting, int64_t weights_step);

}  // namespace golong

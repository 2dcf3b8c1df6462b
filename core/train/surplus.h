// Groups that a full step had no room for, and that wait for the next one (train.keep_surplus). They go into the
// checkpoint, so that a resumed run trains on the same ones.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/group.h"
#include "core/report/metrics.h"

namespace golong {

// Takes up to `count` groups from the front of `waiting`.
std::vector<Group> take_first(std::vector<Group>& waiting, size_t count);

// train/staleness: mean over responses of the updates that were made since their weights, whose number is
// `weights_step` now; train/surplus: groups that wait.
Metrics surplus_metrics(const std::vector<Group>& trained, const std::vector<Group>& waiting, int64_t weights_step);

// Every bit of them. decode_groups throws Error where the bytes are not what encode_groups writes.
std::string encode_groups(const std::vector<Group>& groups);
std::vector<Group> decode_groups(std::string_view bytes);

}  // namespace golong

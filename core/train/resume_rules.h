// Which keys of the config a resumed run may have changed. docs/reference/checkpoints.md has the list for users.
#pragma once
#include <string>
#include <vector>

#include "core/config/difference.h"

namespace golong {

// Throws Error with the keys that have to stay as they are and changed, with both values.
void check_fixed_keys(const std::vector<Difference>& changes);

// The changes of these keys or tables, a line for each, for an error that they may be the cause of; or a line which
// says that none of them changed.
std::string possible_causes(const std::vector<Difference>& changes, const std::vector<std::string>& keys);

// Logs what changed: as a warning where the run learns otherwise than it would have, else as information.
void log_changes(const std::vector<Difference>& changes);

}  // namespace golong

// Checks between keys, after all files and overrides were applied.
#pragma once
#include "core/config/config.h"

namespace golong {

// Throws Error that names the key, where it was set, and the other key.
void validate(const Config& config);

}  // namespace golong

// Before anything is loaded: do all ranks mean the same?
#pragma once
#include <map>
#include <string>

#include "core/parallel/world.h"

namespace golong::parallel {

// What a rank knows of the job, by name: "golong" -> "0.1.0", "train.seed" -> "7". A name that is missing differs.
using Facts = std::map<std::string, std::string>;

// All ranks call it together. Where facts of some ranks differ from those of rank 0, every rank throws the same Error:
// it names the first ranks and facts that differ, and both values.
void agree(const World& world, const Facts& facts);

}  // namespace golong::parallel

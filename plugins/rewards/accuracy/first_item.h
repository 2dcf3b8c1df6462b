// LongBench-Pro accuracy (paper C.3): 1 where the first predicted item is the first gold item.
#pragma once
#include <string>
#include <vector>

namespace golong::plugins {

// Items are normalised (answer_lines.h).
double first_item_accuracy(const std::vector<std::string>& gold, const std::vector<std::string>& predicted);

}  // namespace golong::plugins

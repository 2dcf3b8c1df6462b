// F1 of the sets of gold and predicted items (paper C.3).
#pragma once
#include <string>
#include <vector>

namespace golong::plugins {

// Items are normalised (answer_lines.h).
double f1_score(const std::vector<std::string>& gold, const std::vector<std::string>& predicted);

}  // namespace golong::plugins

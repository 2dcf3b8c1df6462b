// SubEM (paper C.3): the share of gold items, duplicates counted, that stand as a line of their own in the answer.
#pragma once
#include <string>
#include <vector>

namespace golong::plugins {

// Items are normalised (answer_lines.h).
double sub_em_score(const std::vector<std::string>& gold, const std::vector<std::string>& predicted);

}  // namespace golong::plugins

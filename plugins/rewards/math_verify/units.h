// The words that count as units after a number in an answer.
#pragma once
#include <string>

namespace golong::plugins::math {

// All of them as alternatives of a regular expression (a dot in a word stands for any character, as in the published
// code).
std::string unit_pattern();

}  // namespace golong::plugins::math

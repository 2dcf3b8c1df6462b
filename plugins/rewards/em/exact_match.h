// Exact match (paper C.5): 1 where label and answer are the same text once surrounding whitespace is gone.
#pragma once
#include <string_view>

namespace golong::plugins {

double exact_match(std::string_view label, std::string_view answer);

}  // namespace golong::plugins

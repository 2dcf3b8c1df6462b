// Arithmetic outside LaTeX ("3 + 4*5", "2^10") as Python's parser reads it: no implied products, no leading zeros,
// powers from the right.
#pragma once
#include <string_view>

#include "plugins/rewards/math_verify/expression.h"

namespace golong::plugins::math {

// nullptr where the text is no such expression.
Expr parse_plain(std::string_view text);

}  // namespace golong::plugins::math

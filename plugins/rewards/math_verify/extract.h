// Finds the answer in a text (paper C.7): patterns by priority, of one priority the match that ends last, until one can
// be parsed.
#pragma once
#include <string>
#include <string_view>

#include "plugins/rewards/math_verify/expression.h"

namespace golong::plugins::math {

struct Extracted {
  Expr value;         // nullptr where nothing could be parsed
  std::string first;  // the text of the first candidate seen, "" where there was none
};

// Linear number of tries; each bounded. A text that takes too long gives nothing, like one that the published code
// gives up on.
Extracted extract_answer(std::string_view text);

}  // namespace golong::plugins::math

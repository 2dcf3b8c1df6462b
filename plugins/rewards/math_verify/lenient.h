// Rewrites a text before the answer is looked for, so that spellings which the published code cannot read are read
// (paper C.10 #2 to #7): used in the strict mode only, for gold and response alike.
#pragma once
#include <string>
#include <string_view>

namespace golong::plugins::math {

// Full-width and other digits, thousands with LaTeX or thin spaces, 1e6, percent signs outside the box, repeating
// decimals, superscripts, currency and counting words, boxes that are framed, unclosed or written with a space; of
// several boxes those that words like "and" join. With `percent` a percent sign or word outside the box, or in a \text
// inside it, counts; without it is left where it is, so that "12 percent" may also answer a gold of 12.
std::string lenient(std::string_view text, bool percent);

}  // namespace golong::plugins::math

// Cleaning of a LaTeX answer before it is parsed (paper C.7): boxes are opened, delimiters, units and decoration
// removed, sloppy fractions and roots repaired. The order of the steps matters and is the published one.
#pragma once
#include "plugins/rewards/math_verify/regex.h"

namespace golong::plugins::math {

enum class Boxes { all, last };

// `boxes` says what of several boxes counts: all of them joined by commas, or the last with those close before it.
Text normalize_latex(const Text& latex, Boxes boxes);

// The content of the \boxed and \fbox commands, joined by commas; the text itself where there is none.
Text box_content(const Text& text, Boxes boxes);

}  // namespace golong::plugins::math

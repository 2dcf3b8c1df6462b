// LaTeX to expressions, by the grammar of latex2sympy2_extended 1.10.2 with its conversions: mixed numbers (2 1/2),
// adjacent factors, implicit function calls, intervals and tuples, lists, chains of relations. Letters are lower-cased.
// Recursive descent with a bound on depth and steps.
#pragma once
#include <string>

#include "plugins/rewards/math_verify/expression.h"

namespace golong::plugins::math {

// nullptr where the text is no formula of the grammar, or one of its conversions fails. `real`: are symbols real
// numbers (else complex)? Symbols of the two sorts differ.
Expr parse_latex(const std::string& latex, bool real);

}  // namespace golong::plugins::math

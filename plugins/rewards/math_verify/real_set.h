// Sets of real numbers as sorted, disjoint intervals: equal sets are equal however they are written, and inequalities
// in one variable become sets.
#pragma once
#include <optional>
#include <vector>

#include "plugins/rewards/math_verify/evaluate.h"

namespace golong::plugins::math {

struct Span {
  Real from, to;  // infinities where there is no bound
  bool from_open, to_open;
};
using RealSet = std::vector<Span>;

// nullopt where the expression is no set of reals with computable bounds.
std::optional<RealSet> real_set(const Expr& e, Evaluator& evaluator);
bool equal(const RealSet& a, const RealSet& b);

// The solutions of a relation, or of a chain of relations, in its one variable, as an expression; nullptr where it has
// another number of variables or is not linear in it.
Expr solutions(const Expr& relation, Evaluator& evaluator);

}  // namespace golong::plugins::math

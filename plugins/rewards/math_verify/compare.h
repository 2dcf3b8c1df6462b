// Decides whether a predicted expression means the gold one, in the order and with the asymmetries of Math-Verify 0.8.0
// (paper C.7, C.10).
#pragma once
#include <functional>

#include "plugins/rewards/math_verify/evaluate.h"

namespace golong::plugins::math {

class Comparer {
 public:
  explicit Comparer(std::function<bool()> cancelled = {}) : evaluator_(std::move(cancelled)) {}

  // Throws Interrupted.
  bool equal(const Expr& gold, const Expr& predicted);

 private:
  bool numbers(const Expr& a, const Expr& b);
  bool values(const Expr& a, const Expr& b, const Value& x, const Value& y);
  bool same_function(const Expr& a, const Expr& b);
  bool relations(const Expr& gold, const Expr& predicted);
  bool same_solutions(const Expr& gold, const Expr& predicted);
  bool sets(const Expr& gold, const Expr& predicted);
  bool same_numbers(const Exprs& a, const Exprs& b);
  bool members(const Expr& gold, const Expr& predicted);
  bool matched(const Exprs& a, const Exprs& b);

  Evaluator evaluator_;
  int depth_ = 0;
};

}  // namespace golong::plugins::math

// Values of expressions: exact where every part is a rational number, else with 50 digits. Bounded: a budget of steps
// and of digits, so that no answer (10^10^10, a tower of factorials, a sum of a billion terms) can hang or fill the
// memory.
#pragma once
#include <functional>
#include <map>
#include <optional>

#include "plugins/rewards/math_verify/expression.h"

namespace golong::plugins::math {

// The response's deadline passed.
struct Interrupted {};

using Bindings = std::map<std::string, Value, std::less<>>;

class Evaluator {
 public:
  // `max_steps` is for all calls together: once used up there are no more values.
  explicit Evaluator(std::function<bool()> cancelled = {}, size_t max_steps = 200'000)
      : cancelled_(std::move(cancelled)), max_steps_(max_steps) {}

  // nullopt: no value (undefined, unbounded, unknown function, a symbol without a value, too large, budget used up).
  // Throws Interrupted.
  std::optional<Value> value(const Expr& e, const Bindings& bindings = {});

  // With `opaque`, symbols and unknown functions get values drawn from their names: two expressions in the same symbols
  // that agree at several such points are the same function. `point` counts the draws.
  std::optional<Value> value_at_point(const Expr& e, unsigned point);

 private:
  std::optional<Value> evaluate(const Expr& e);
  std::optional<Value> function(const Expr& e);
  std::optional<Value> repeated(const Expr& e);  // sum and product
  std::optional<Value> integral(const Expr& e);
  std::optional<Value> symbol(const Expr& e);
  void step();

  std::function<bool()> cancelled_;
  size_t max_steps_;
  Bindings bindings_;
  size_t steps_ = 0, depth_ = 0;
  bool opaque_ = false, integrating_ = false;
  unsigned point_ = 0;
};

}  // namespace golong::plugins::math

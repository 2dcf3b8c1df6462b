// The tree that an answer is read into. Nodes are immutable and shared. The reader evaluates next to nothing, as the
// published code does; evaluate.h computes values, compare.h decides whether two trees mean the same.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "plugins/rewards/math_verify/number.h"

namespace golong::plugins::math {

enum class Kind {
  number,        // value, floating
  constant,      // name: "pi", "E", "I", "oo", "-oo", "zoo"
  symbol,        // name, real
  add,           // args
  multiply,      // args
  power,         // base, exponent
  function,      // name, args; "sum", "product", "integral": body, variable, from, to
  relation,      // name: "=", "!=", "<", "<=", ">", ">="; left, right
  conjunction,   // relations of a chain, in order
  finite_set,    // args as written, repeats kept
  tuple,         // args
  interval,      // left, right; left_open, right_open
  set_union,     // args
  intersection,  // args
  complement,    // from, what
  named_set,     // name: "Reals", "Integers", "Naturals", "Rationals", "Complexes", "EmptySet"
  matrix,        // args row by row; columns
  boolean,       // name: "True", "False"
};

struct Node;
using Expr = std::shared_ptr<const Node>;
using Exprs = std::vector<Expr>;

struct Node {
  Kind kind;
  std::string name;
  Exprs args;
  Rational value = 0;
  bool floating = false;
  bool real = true;
  bool left_open = false, right_open = false;
  size_t columns = 0;
};

Expr make_number(Rational value, bool floating = false);
Expr make_constant(std::string name);
Expr make_symbol(std::string name, bool real = true);
Expr make(Kind kind, Exprs args, std::string name = "");
Expr make_interval(Expr left, Expr right, bool left_open, bool right_open);

// Sums and products are kept flat: args of a sum join the new sum.
Expr flat_add(const Expr& a, const Expr& b);
Expr flat_multiply(const Expr& a, const Expr& b);
// -a: of a number the number, else -1 times a.
Expr negate(const Expr& a);
// a / b: of two integers their ratio, "zoo" where b is 0.
Expr divide(const Expr& a, const Expr& b);

bool is_number(const Expr& e);  // a number or an infinity
bool is_integer(const Expr& e);
bool is_set(const Expr& e);  // interval, finite set, union, ...; tuples are none
bool has_symbols(const Expr& e);
bool only_symbols(const Expr& e);  // x, x/y, a*b: what may stand left of an assignment

// Equal trees: same nodes in the same order (x + y differs from y + x).
bool same(const Expr& a, const Expr& b);

// A decimal literal ("12", "-3.50", ".5", "6.1E+6"); nullptr where it is none or its exponent is beyond +-5000.
Expr parse_decimal(std::string_view text);

}  // namespace golong::plugins::math

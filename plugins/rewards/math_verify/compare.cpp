#include "plugins/rewards/math_verify/compare.h"

#include <algorithm>
#include <string>

#include "plugins/common/unicode.h"
#include "plugins/rewards/math_verify/real_set.h"

namespace golong::plugins::math {
namespace {

constexpr size_t kMaxMembers = 2000;
constexpr size_t kMaxNumbers = 200;  // compared each with each

bool is_relation(const Expr& e) { return e->kind == Kind::relation || e->kind == Kind::conjunction; }

bool is_equation(const Expr& e) {
  if (e->kind == Kind::relation) return e->name == "=";
  return e->kind == Kind::conjunction &&
         std::all_of(e->args.begin(), e->args.end(), [](const Expr& r) { return r->name == "="; });
}

const Expr& first_relation(const Expr& e) { return e->kind == Kind::conjunction ? e->args.front() : e; }
const Expr& last_relation(const Expr& e) { return e->kind == Kind::conjunction ? e->args.back() : e; }

// x = 5, a = b = 7: an equation whose left side is made of symbols.
bool is_assignment(const Expr& e) { return is_equation(e) && only_symbols(first_relation(e)->args[0]); }

bool is_set_or_tuple(const Expr& e) { return is_set(e) || e->kind == Kind::tuple; }

// A number, or a number in percent (the number is the first of two factors, 1/100 the second).
const Node* atomic_number(const Expr& e) {
  if (e->kind == Kind::number) return e.get();
  bool percent = e->kind == Kind::multiply && e->args.size() == 2 && e->args[0]->kind == Kind::number &&
                 e->args[1]->kind == Kind::number && e->args[1]->value == Rational(1, 100);
  return percent ? e->args[0].get() : nullptr;
}

// A number written with a point and more than 15 digits: SymPy keeps all of them; shorter ones compute with 15.
bool is_long_decimal(const Node& number) {
  if (!number.floating) return false;
  Integer digits = mp::abs(mp::numerator(number.value));
  const Integer below = mp::denominator(number.value);
  if (digits == 0 || mp::msb(digits) > 4000 || mp::msb(below) > 4000) return false;
  for (int power = 0; digits % below != 0; digits *= 10) {
    if (++power > 4000) return false;  // no decimal after all
  }
  const std::string text = Integer(digits / below).str();
  return text.find_last_not_of('0') + 1 > 15;
}

// Does Python's str() of the expression give `name`? Known for numbers, constants and quotients of two symbols (n/a).
bool prints_as(const Expr& e, const std::string& name) {
  if (e->kind == Kind::multiply && e->args.size() == 2 && e->args[0]->kind == Kind::symbol &&
      e->args[1]->kind == Kind::power && e->args[1]->args[0]->kind == Kind::symbol &&
      e->args[1]->args[1]->kind == Kind::number && e->args[1]->args[1]->value == -1) {
    return e->args[0]->name + "/" + e->args[1]->args[0]->name == name;
  }
  if (e->kind == Kind::constant) return e->name == name;
  return e->kind == Kind::number && !e->floating && e->value.str() == name;
}

bool symbols(const Expr& gold, const Expr& predicted) {
  auto is_e = [](const Expr& e) { return e->kind == Kind::constant && e->name == "E"; };
  const Expr& symbol = gold->kind == Kind::symbol ? gold : predicted;
  const Expr& other = gold->kind == Kind::symbol ? predicted : gold;
  if (is_e(other)) return lower(symbol->name) == "e";
  // A word is a symbol in \text and a product of letters outside.
  auto is_letter = [&](const Expr& e) { return e->kind == Kind::symbol || is_e(e); };
  if (other->kind == Kind::multiply && std::all_of(other->args.begin(), other->args.end(), is_letter)) {
    std::string word;
    for (const Expr& e : other->args) word += e->kind == Kind::symbol ? e->name : "e";
    return lower(word) == lower(symbol->name);
  }
  if (other->kind == Kind::symbol) {
    auto name = [](const Expr& e) { return length(e->name) > 1 ? lower(e->name) : e->name; };
    return name(symbol) == name(other);
  }
  return prints_as(other, symbol->name);
}

// Is a bound known to be real for all values of its symbols?
bool known_real(const Expr& e) {
  if (e->kind == Kind::symbol) return e->real;
  if (!has_symbols(e)) return true;
  if (e->kind == Kind::power && !(is_integer(e->args[1]) && e->args[1]->value > 0)) return false;
  if (e->kind == Kind::function && e->name == "log") return false;
  return std::all_of(e->args.begin(), e->args.end(), known_real);
}

Exprs distinct(const Exprs& args) {
  Exprs out;
  for (const Expr& e : args) {
    if (std::none_of(out.begin(), out.end(), [&](const Expr& other) { return same(e, other); })) out.push_back(e);
  }
  return out;
}

// Of a matrix times what is none the matrix of the products; all else as it is.
Expr scaled_matrix(const Expr& e) {
  auto is_matrix = [](const Expr& factor) { return factor->kind == Kind::matrix; };
  if (e->kind != Kind::multiply || std::count_if(e->args.begin(), e->args.end(), is_matrix) != 1) return e;
  auto scaled = std::make_shared<Node>(**std::find_if(e->args.begin(), e->args.end(), is_matrix));
  for (Expr& entry : scaled->args) {
    for (const Expr& factor : e->args) {
      if (!is_matrix(factor)) entry = flat_multiply(factor, entry);
    }
  }
  return scaled;
}

}  // namespace

bool Comparer::equal(const Expr& gold_in, const Expr& predicted_in) {
  if (depth_ > 60) return false;
  struct Depth {
    int& d;
    explicit Depth(int& depth) : d(depth) { ++d; }
    ~Depth() { --d; }
  } depth(depth_);

  Expr gold = gold_in, predicted = predicted_in;
  bool gold_assigns = is_assignment(gold), predicted_assigns = is_assignment(predicted);
  bool gold_equates = is_equation(gold), predicted_equates = is_equation(predicted);
  auto ends = [](const Expr& e) {
    return make(Kind::relation, {first_relation(e)->args[0], last_relation(e)->args[1]}, "=");
  };
  if (gold_assigns) gold = ends(gold);
  if (predicted_assigns) predicted = ends(predicted);
  // The gold's form leads: 5 is answered by x = 5, and x = 5 by 5.
  if (predicted_equates && !gold_equates) {
    predicted = last_relation(predicted)->args[1];
  } else if (gold_assigns && !predicted_equates) {
    gold = last_relation(gold)->args[1];
  }
  if (is_relation(gold) && is_set(predicted)) {
    if (Expr set = solutions(gold, evaluator_)) gold = set;
  }
  if (gold->kind == Kind::constant && gold->name == "zoo") return false;
  if (same(gold, predicted)) return true;
  if (is_relation(gold) && is_relation(predicted)) return relations(gold, predicted);
  if (is_set_or_tuple(gold) || is_set_or_tuple(predicted)) return sets(gold, predicted);
  if (gold->kind == Kind::symbol || predicted->kind == Kind::symbol) return symbols(gold, predicted);
  return numbers(gold, predicted);
}

// -------------------------------------------------------------------------------------------------------- numbers

bool Comparer::numbers(const Expr& a_in, const Expr& b_in) {
  const Expr a = scaled_matrix(a_in), b = scaled_matrix(b_in);
  if (a->kind == Kind::matrix && b->kind == Kind::matrix) {
    if (a->columns != b->columns || a->args.size() != b->args.size()) return false;
    for (size_t i = 0; i < a->args.size(); ++i) {
      if (!equal(a->args[i], b->args[i])) return false;
    }
    return true;
  }
  std::optional<Value> x = evaluator_.value(a), y = evaluator_.value(b);
  if (x && y) return values(a, b, *x, *y);
  return same_function(a, b);
}

bool Comparer::values(const Expr& a, const Expr& b, const Value& x, const Value& y) {
  const Node *p = atomic_number(a), *q = atomic_number(b);
  if ((p != nullptr && p->floating) || (q != nullptr && q->floating)) {
    // Equal when rounded to six digits; what stays an integer equals no float.
    bool whole_x = x.is_integer() && !x.floating, whole_y = y.is_integer() && !y.floating;
    bool too_large = (!x.exact && magnitude(x.z) > Real("1e40")) || (!y.exact && magnitude(y.z) > Real("1e40"));
    if (whole_x == whole_y && !too_large && round6(x) == round6(y) &&
        round6(x.complex().im) == round6(y.complex().im)) {
      return true;
    }
  } else if (p == nullptr && q == nullptr) {
    if (magnitude(x.complex() - y.complex()) < Real("1e-15")) return true;
  }
  if (x.exact && y.exact) {
    bool written_out = (p != nullptr && is_long_decimal(*p)) || (q != nullptr && is_long_decimal(*q));
    return (x.floating || y.floating) && !written_out ? as_double(x.q) == as_double(y.q) : x.q == y.q;
  }
  return nearly_equal(x.complex(), y.complex(), x.floating || y.floating ? Real("1e-15") : Real("1e-38"));
}

// Are two expressions in the same symbols the same function? They are when they agree at points drawn from the names.
bool Comparer::same_function(const Expr& a, const Expr& b) {
  int agreed = 0;
  for (unsigned point = 0; point < 8; ++point) {
    std::optional<Value> x = evaluator_.value_at_point(a, point), y = evaluator_.value_at_point(b, point);
    if (x.has_value() != y.has_value()) return false;
    if (!x) continue;
    Real tolerance = x->floating || y->floating ? Real("1e-13") : Real("1e-32");
    if (!nearly_equal(x->complex(), y->complex(), tolerance)) return false;
    ++agreed;
  }
  return agreed >= 2;
}

// ------------------------------------------------------------------------------------------------------ relations

namespace {

const char* flipped(const std::string& op) {
  if (op == "<") return ">";
  if (op == "<=") return ">=";
  if (op == ">") return "<";
  if (op == ">=") return "<=";
  return op == "=" ? "=" : "";
}

// left - right; nullptr where a side is no number.
Expr difference(const Expr& left, const Expr& right) {
  for (const Expr& e : {left, right}) {
    if (is_set_or_tuple(e) || is_relation(e) || e->kind == Kind::boolean) return nullptr;
  }
  return flat_add(left, negate(right));
}

}  // namespace

bool Comparer::relations(const Expr& gold, const Expr& predicted) {
  if (gold->kind == Kind::conjunction && predicted->kind == Kind::conjunction) {
    if (gold->args.size() != predicted->args.size()) return false;
    for (size_t i = 0; i < gold->args.size(); ++i) {
      if (!relations(gold->args[i], predicted->args[i])) return false;
    }
    return true;
  }
  if (gold->kind == Kind::conjunction || predicted->kind == Kind::conjunction) return false;
  Expr g = difference(gold->args[0], gold->args[1]), p = difference(predicted->args[0], predicted->args[1]);
  if (!g || !p) {
    // x = {1, 2}: the sides one by one
    return gold->name == predicted->name && equal(gold->args[0], predicted->args[0]) &&
           equal(gold->args[1], predicted->args[1]);
  }
  if (gold->name == predicted->name && equal(g, p)) return true;
  if (flipped(gold->name) == predicted->name && equal(g, difference(predicted->args[1], predicted->args[0]))) {
    return true;
  }
  // The published code solves equations alone: 2x < 6 does not answer x < 3.
  return gold->name == "=" && predicted->name == "=" && same_solutions(gold, predicted);
}

// 2x = 10 and x = 5: one difference is a multiple of the other.
bool Comparer::same_solutions(const Expr& gold, const Expr& predicted) {
  Expr g = difference(gold->args[0], gold->args[1]), p = difference(predicted->args[0], predicted->args[1]);
  if (!has_symbols(g) || !has_symbols(p)) return false;
  std::optional<Complex> ratio;
  int agreed = 0;
  for (unsigned point = 0; point < 8; ++point) {
    std::optional<Value> x = evaluator_.value_at_point(g, point), y = evaluator_.value_at_point(p, point);
    if (x.has_value() != y.has_value()) return false;
    if (!x || magnitude(y->complex()) == 0) continue;
    Complex here = x->complex() / y->complex();
    if (ratio && !nearly_equal(here, *ratio, Real("1e-13"))) return false;
    if (!ratio) ratio = here;
    ++agreed;
  }
  return agreed >= 3 && mp::abs(ratio->im) <= Real("1e-13") && magnitude(*ratio) >= Real("1e-13");
}

// ----------------------------------------------------------------------------------------------------------- sets

bool Comparer::sets(const Expr& gold, const Expr& predicted) {
  Expr a = is_set_or_tuple(gold) ? gold : make(Kind::finite_set, {gold});
  Expr b = is_set_or_tuple(predicted) ? predicted : make(Kind::finite_set, {predicted});
  if (a->kind == Kind::interval && b->kind == Kind::interval) {
    return a->left_open == b->left_open && a->right_open == b->right_open && equal(a->args[0], b->args[0]) &&
           equal(a->args[1], b->args[1]);
  }
  if (same(a, b)) return true;
  // Two lists of members are compared one by one below: {3, 1 + 2} has two.
  bool lists = a->kind == Kind::finite_set && b->kind == Kind::finite_set;
  if (lists && same_numbers(a->args, b->args)) return true;
  if (is_set(a) && is_set(b) && !lists) {
    std::optional<RealSet> x = real_set(a, evaluator_);
    std::optional<RealSet> y = x ? real_set(b, evaluator_) : std::nullopt;
    if (x && y && math::equal(*x, *y)) return true;
  }
  auto listed = [](const Expr& e) { return e->kind == Kind::finite_set || e->kind == Kind::tuple; };
  if (listed(a) && listed(b)) return members(a, b);
  // (1, 2) is read as an open interval; it may be a pair. SymPy must know that it is open, that its bounds are real.
  auto pair = [](const Expr& e) {
    return e->kind == Kind::interval && e->left_open && e->right_open && known_real(e->args[0]) &&
           known_real(e->args[1]);
  };
  if (pair(a) && listed(b)) return members(make(Kind::tuple, a->args), b);
  if (pair(b) && listed(a)) return members(a, make(Kind::tuple, b->args));
  return false;
}

// {-3.25, -13/4} is {-13/4}: sets of numbers whose members all have an equal on the other side.
bool Comparer::same_numbers(const Exprs& a, const Exprs& b) {
  if (a.size() + b.size() > kMaxNumbers) return false;
  auto is_long = [](const Expr& e) { return e->kind == Kind::number && is_long_decimal(*e); };
  if (std::any_of(a.begin(), a.end(), is_long) || std::any_of(b.begin(), b.end(), is_long)) return false;
  auto values = [&](const Exprs& list) {
    std::vector<Value> out;
    for (const Expr& e : list) {
      std::optional<Value> value = is_set_or_tuple(e) || is_relation(e) ? std::nullopt : evaluator_.value(e);
      if (!value || !value->exact) return std::vector<Value>{};
      out.push_back(*value);
    }
    return out;
  };
  const std::vector<Value> x = values(a), y = values(b);
  auto equal = [](const Value& p, const Value& q) {
    return p.floating || q.floating ? as_double(p.q) == as_double(q.q) : p.q == q.q;
  };
  auto within = [&](const std::vector<Value>& part, const std::vector<Value>& whole) {
    return std::all_of(part.begin(), part.end(), [&](const Value& p) {
      return std::any_of(whole.begin(), whole.end(), [&](const Value& q) { return equal(p, q); });
    });
  };
  return !x.empty() && !y.empty() && within(x, y) && within(y, x);
}

bool Comparer::members(const Expr& gold, const Expr& predicted) {
  if (gold->args.size() > kMaxMembers || predicted->args.size() > kMaxMembers) return false;
  bool gold_set = gold->kind == Kind::finite_set, predicted_set = predicted->kind == Kind::finite_set;
  Exprs a = gold_set ? distinct(gold->args) : gold->args;
  Exprs b = predicted_set ? distinct(predicted->args) : predicted->args;
  if (a.size() != b.size()) return false;
  if (gold_set) return matched(a, b);
  // Against a tuple the members count in the order in which they were written.
  if (predicted_set) b = predicted->args;
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!equal(a[i], b[i])) return false;
  }
  return true;
}

// In any order: numbers by size, all else each to one that it equals.
bool Comparer::matched(const Exprs& a, const Exprs& b) {
  auto sorted = [&](const Exprs& list) -> std::optional<Exprs> {
    std::vector<std::pair<Real, Expr>> keyed;
    for (const Expr& e : list) {
      const Expr& number = is_assignment(e) ? last_relation(e)->args[1] : e;
      std::optional<Value> v = is_set_or_tuple(number) ? std::nullopt : evaluator_.value(number);
      if (!v || v->complex().im != 0) return std::nullopt;
      keyed.emplace_back(v->complex().re, e);
    }
    std::stable_sort(keyed.begin(), keyed.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
    Exprs out;
    for (auto& [key, e] : keyed) out.push_back(e);
    return out;
  };
  std::optional<Exprs> x = sorted(a), y = x ? sorted(b) : std::nullopt;
  if (x && y) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (!equal((*x)[i], (*y)[i])) return false;
    }
    return true;
  }
  if (a.size() > 100) return false;
  std::vector<bool> used(b.size(), false);
  for (const Expr& e : a) {
    bool found = false;
    for (size_t j = 0; j < b.size() && !found; ++j) {
      if (used[j] || !equal(e, b[j])) continue;
      used[j] = found = true;
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace golong::plugins::math

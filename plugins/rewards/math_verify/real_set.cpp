#include "plugins/rewards/math_verify/real_set.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>

namespace golong::plugins::math {
namespace {

const Real kInfinity = std::numeric_limits<Real>::infinity();

bool near(const Real& a, const Real& b) {
  if (!(mp::isfinite)(a) || !(mp::isfinite)(b)) return a == b;
  return mp::abs(a - b) <= Real("1e-40") * (1 + mp::abs(a));
}

std::optional<Real> bound(const Expr& e, Evaluator& evaluator) {
  if (e->kind == Kind::constant && e->name == "oo") return kInfinity;
  if (e->kind == Kind::constant && e->name == "-oo") return Real(-kInfinity);
  std::optional<Value> v = evaluator.value(e);
  if (!v || v->complex().im != 0) return std::nullopt;
  return v->complex().re;
}

// Sorts and joins spans that touch.
RealSet tidy(RealSet set) {
  std::erase_if(set, [](const Span& s) { return s.to < s.from || (near(s.from, s.to) && (s.from_open || s.to_open)); });
  std::sort(set.begin(), set.end(), [](const Span& a, const Span& b) {
    return near(a.from, b.from) ? a.from_open < b.from_open : a.from < b.from;
  });
  RealSet out;
  for (const Span& span : set) {
    if (!out.empty()) {
      Span& last = out.back();
      bool touch = near(span.from, last.to) ? !(span.from_open && last.to_open) : span.from < last.to;
      if (touch) {
        if (near(span.to, last.to)) {
          last.to_open = last.to_open && span.to_open;
        } else if (span.to > last.to) {
          last.to = span.to;
          last.to_open = span.to_open;
        }
        continue;
      }
    }
    out.push_back(span);
  }
  return out;
}

RealSet without(const RealSet& from, const RealSet& what) {
  RealSet result = from;
  for (const Span& hole : what) {
    RealSet next;
    for (const Span& span : result) {
      Real to = std::min(span.to, hole.from), start = std::max(span.from, hole.to);
      next.push_back({span.from, to, span.from_open, span.to < hole.from ? span.to_open : !hole.from_open});
      next.push_back({start, span.to, span.from > hole.to ? span.from_open : !hole.to_open, span.to_open});
      if (near(span.to, hole.from) && span.to_open) next[next.size() - 2].to_open = true;
      if (near(span.from, hole.to) && span.from_open) next[next.size() - 1].from_open = true;
    }
    result = tidy(std::move(next));
  }
  return result;
}

RealSet all_reals() { return {{-kInfinity, kInfinity, true, true}}; }

}  // namespace

std::optional<RealSet> real_set(const Expr& e, Evaluator& evaluator) {
  RealSet set;
  switch (e->kind) {
    case Kind::named_set:
      if (e->name == "EmptySet") return set;
      if (e->name == "Reals") return all_reals();
      return std::nullopt;
    case Kind::interval: {
      std::optional<Real> from = bound(e->args[0], evaluator), to = bound(e->args[1], evaluator);
      if (!from || !to) return std::nullopt;
      return tidy({{*from, *to, e->left_open, e->right_open}});
    }
    case Kind::finite_set:
      for (const Expr& member : e->args) {
        std::optional<Real> x = bound(member, evaluator);
        if (!x) return std::nullopt;
        set.push_back({*x, *x, false, false});
      }
      return tidy(std::move(set));
    case Kind::set_union:
      for (const Expr& part : e->args) {
        std::optional<RealSet> one = real_set(part, evaluator);
        if (!one) return std::nullopt;
        set.insert(set.end(), one->begin(), one->end());
      }
      return tidy(std::move(set));
    case Kind::intersection:
    case Kind::complement: {
      std::optional<RealSet> a = real_set(e->args[0], evaluator), b = real_set(e->args[1], evaluator);
      if (!a || !b) return std::nullopt;
      return without(*a, e->kind == Kind::complement ? *b : without(all_reals(), *b));
    }
    default:
      return std::nullopt;
  }
}

bool equal(const RealSet& a, const RealSet& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Span& x, const Span& y) {
    return near(x.from, y.from) && near(x.to, y.to) && x.from_open == y.from_open && x.to_open == y.to_open;
  });
}

namespace {

void collect(const Expr& e, std::set<std::string>& names) {
  if (e->kind == Kind::symbol) names.insert(e->name);
  for (const Expr& arg : e->args) collect(arg, names);
}

Expr solve_one(const Expr& relation, const std::string& variable, Evaluator& evaluator) {
  Expr difference = flat_add(relation->args[0], negate(relation->args[1]));
  Rational at[3];
  for (int x = 0; x < 3; ++x) {
    std::optional<Value> v = evaluator.value(difference, {{variable, exact_value(x)}});
    if (!v || !v->exact) return nullptr;
    at[x] = v->q;
  }
  Rational slope = at[1] - at[0];
  if (slope == 0 || at[2] - at[1] != slope) return nullptr;
  // Three points do not make a line: a fourth, far from the others, must agree.
  std::optional<Value> far = evaluator.value(difference, {{variable, exact_value(Rational(-9973, 7))}});
  if (!far || !far->exact || far->q != at[0] + slope * Rational(-9973, 7)) return nullptr;
  Expr root = make_number(-at[0] / slope), low = make_constant("-oo"), high = make_constant("oo");
  std::string op = relation->name;
  if (op == "=") return make(Kind::finite_set, {root});
  if (op == "!=") {
    return make(Kind::set_union, {make_interval(low, root, true, true), make_interval(root, high, true, true)});
  }
  bool open = op.size() == 1, below = (op[0] == '<') == (slope > 0);
  return below ? make_interval(low, root, true, open) : make_interval(root, high, open, true);
}

// What solve_one gave for two relations. (1, oo) and (-oo, 3) are (1, 3): an interval, which a pair may stand for.
Expr both(const Expr& a, const Expr& b) {
  const auto bounded = [](const Expr& bound) { return bound->kind == Kind::number; };
  for (const auto& [low, high] : {std::pair(a, b), std::pair(b, a)}) {
    if (low->kind != Kind::interval || high->kind != Kind::interval) break;
    const Expr &left = low->args[0], &right = high->args[1];
    if (!bounded(left) || bounded(low->args[1]) || bounded(high->args[0]) || !bounded(right)) continue;
    if (left->value < right->value) return make_interval(left, right, low->left_open, high->right_open);
  }
  return make(Kind::intersection, {a, b});
}

}  // namespace

Expr solutions(const Expr& relation, Evaluator& evaluator) {
  std::set<std::string> names;
  collect(relation, names);
  if (names.size() != 1) return nullptr;
  if (relation->kind == Kind::relation) return solve_one(relation, *names.begin(), evaluator);
  Expr result;
  for (const Expr& part : relation->args) {
    Expr one = solve_one(part, *names.begin(), evaluator);
    if (!one) return nullptr;
    result = result ? both(result, one) : one;
  }
  return result;
}

}  // namespace golong::plugins::math

#include "plugins/rewards/math_verify/expression.h"

#include <algorithm>

namespace golong::plugins::math {

Expr make_number(Rational value, bool floating) {
  auto node = std::make_shared<Node>();
  node->kind = Kind::number;
  node->value = std::move(value);
  node->floating = floating;
  return node;
}

Expr make_constant(std::string name) { return make(Kind::constant, {}, std::move(name)); }

Expr make_symbol(std::string name, bool real) {
  auto node = std::make_shared<Node>();
  node->kind = Kind::symbol;
  node->name = std::move(name);
  node->real = real;
  return node;
}

Expr make(Kind kind, Exprs args, std::string name) {
  auto node = std::make_shared<Node>();
  node->kind = kind;
  node->args = std::move(args);
  node->name = std::move(name);
  return node;
}

Expr make_interval(Expr left, Expr right, bool left_open, bool right_open) {
  auto node = std::make_shared<Node>();
  node->kind = Kind::interval;
  // Infinity is never inside.
  node->left_open = left_open || (left->kind == Kind::constant && left->name == "-oo");
  node->right_open = right_open || (right->kind == Kind::constant && right->name == "oo");
  node->args = {std::move(left), std::move(right)};
  return node;
}

namespace {

Expr flat(Kind kind, const Expr& a, const Expr& b) {
  Exprs args;
  for (const Expr& e : {a, b}) {
    if (e->kind == kind) {
      args.insert(args.end(), e->args.begin(), e->args.end());
    } else {
      args.push_back(e);
    }
  }
  return make(kind, std::move(args));
}

}  // namespace

Expr flat_add(const Expr& a, const Expr& b) { return flat(Kind::add, a, b); }
Expr flat_multiply(const Expr& a, const Expr& b) { return flat(Kind::multiply, a, b); }

Expr negate(const Expr& a) {
  if (a->kind == Kind::number) return make_number(-a->value, a->floating);
  if (a->kind == Kind::constant && a->name == "oo") return make_constant("-oo");
  if (a->kind == Kind::constant && a->name == "-oo") return make_constant("oo");
  return flat_multiply(make_number(-1), a);
}

Expr divide(const Expr& a, const Expr& b) {
  if (is_integer(a) && is_integer(b)) {
    if (b->value == 0) return make_constant("zoo");
    return make_number(a->value / b->value);
  }
  return make(Kind::multiply, {a, make(Kind::power, {b, make_number(-1)})});
}

bool is_number(const Expr& e) {
  return e->kind == Kind::number || (e->kind == Kind::constant && (e->name == "oo" || e->name == "-oo"));
}

bool is_integer(const Expr& e) { return e->kind == Kind::number && !e->floating && mp::denominator(e->value) == 1; }

bool is_set(const Expr& e) {
  switch (e->kind) {
    case Kind::finite_set:
    case Kind::interval:
    case Kind::set_union:
    case Kind::intersection:
    case Kind::complement:
    case Kind::named_set:
      return true;
    default:
      return false;
  }
}

bool has_symbols(const Expr& e) {
  return e->kind == Kind::symbol || std::any_of(e->args.begin(), e->args.end(), has_symbols);
}

bool only_symbols(const Expr& e) {
  if (e->kind == Kind::symbol) return true;
  if (e->kind == Kind::power && e->args[1]->kind == Kind::number && e->args[1]->value == -1) {
    return only_symbols(e->args[0]);
  }
  return !e->args.empty() && std::all_of(e->args.begin(), e->args.end(), only_symbols);
}

bool same(const Expr& a, const Expr& b) {
  if (a == b) return true;
  bool unordered = a->kind == Kind::finite_set;  // {1, 1} is {1}
  if (a->kind != b->kind || a->name != b->name || (!unordered && a->args.size() != b->args.size()) ||
      a->floating != b->floating || a->real != b->real || a->left_open != b->left_open ||
      a->right_open != b->right_open || a->columns != b->columns || a->value != b->value) {
    return false;
  }
  if (a->kind == Kind::finite_set || a->kind == Kind::set_union || a->kind == Kind::intersection) {
    // The order of members means nothing.
    auto among = [](const Expr& e, const Exprs& all) {
      return std::any_of(all.begin(), all.end(), [&](const Expr& other) { return same(e, other); });
    };
    return std::all_of(a->args.begin(), a->args.end(), [&](const Expr& e) { return among(e, b->args); }) &&
           std::all_of(b->args.begin(), b->args.end(), [&](const Expr& e) { return among(e, a->args); });
  }
  for (size_t i = 0; i < a->args.size(); ++i) {
    if (!same(a->args[i], b->args[i])) return false;
  }
  return true;
}

Expr parse_decimal(std::string_view text) {
  size_t at = 0;
  bool negative = false, floating = false, any = false;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) negative = text[at++] == '-';
  std::string digits;
  long scale = 0;
  auto is_digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  for (; is_digit(); ++at, any = true) digits += text[at];
  if (at < text.size() && text[at] == '.') {
    floating = true;
    for (++at; is_digit(); ++at, --scale, any = true) digits += text[at];
  }
  if (!any || digits.size() > 100'000) return nullptr;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    floating = true;
    ++at;
    bool minus = false, some = false;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) minus = text[at++] == '-';
    long exponent = 0;
    for (; is_digit(); ++at, some = true) {
      exponent = exponent * 10 + (text[at] - '0');
      if (exponent > 5000) return nullptr;
    }
    if (!some) return nullptr;
    scale += minus ? -exponent : exponent;
  }
  if (at != text.size()) return nullptr;
  // A leading 0 would mean octal.
  size_t first = digits.find_first_not_of('0');
  Integer number(first == digits.npos ? std::string("0") : digits.substr(first));
  if (negative) number = -number;
  Integer ten = mp::pow(Integer(10), static_cast<unsigned>(scale < 0 ? -scale : scale));
  return make_number(scale < 0 ? Rational(number, ten) : Rational(Integer(number * ten)), floating);
}

}  // namespace golong::plugins::math

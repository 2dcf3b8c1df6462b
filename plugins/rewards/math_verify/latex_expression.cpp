#include <algorithm>

#include "plugins/common/unicode.h"
#include "plugins/rewards/math_verify/latex_grammar.h"

namespace golong::plugins::math {

Expr LatexGrammar::expression() {
  Depth depth(*this);
  Expr left = product(true);
  while (left && (peek() == Token::plus || peek() == Token::minus)) {
    size_t before = at_;
    bool minus = peek() == Token::minus;
    ++at_;
    Expr right = product(true);
    if (!right) {
      at_ = before;
      break;
    }
    left = flat_add(left, minus ? negate(right) : right);
  }
  return left;
}

Expr LatexGrammar::product(bool functions) {
  Depth depth(*this);
  Expr left = unary(functions);
  while (left) {
    size_t before = at_;
    Token op = peek();
    if (op != Token::times && op != Token::divide && op != Token::colon && op != Token::modulo) break;
    ++at_;
    Expr right = unary(functions);
    if (!right) {
      at_ = before;
      break;
    }
    if (op == Token::times) {
      left = flat_multiply(left, right);
    } else if (op == Token::modulo) {
      left = make(Kind::function, {left, right}, "mod");
    } else {
      left = divide(left, right);
    }
  }
  return left;
}

Expr LatexGrammar::unary(bool functions) {
  Depth depth(*this);
  if (peek() == Token::plus || peek() == Token::minus) {
    return attempt([&]() -> Expr {
      bool minus = peek() == Token::minus;
      ++at_;
      Expr e = unary(functions);
      return e && minus ? negate(e) : e;
    });
  }
  return factors(functions);
}

Expr LatexGrammar::factors(bool functions) {
  Exprs list;
  while (true) {
    first_factor_ = list.empty();
    Expr e = postfix(functions || list.empty());
    if (!e) break;
    list.push_back(std::move(e));
  }
  if (list.empty()) return nullptr;
  // From the right: an integer before a positive rational is a mixed number, all else a product.
  Expr result = list.back();
  for (size_t i = list.size() - 1; i-- > 0;) {
    const Expr& left = list[i];
    if (is_integer(left) && result->kind == Kind::number && !result->floating && result->value > 0) {
      result = make_number(left->value < 0 ? left->value - result->value : left->value + result->value);
    } else {
      result = flat_multiply(left, result);
    }
  }
  return result;
}

Expr LatexGrammar::postfix(bool functions) {
  Expr e = powers(functions);
  while (e) {
    if (take(Token::bang)) {
      e = make(Kind::function, {e}, "factorial");
    } else if (!take(Token::degree) && !take(Token::prime)) {  // neither changes the value
      break;
    }
  }
  return e;
}

Expr LatexGrammar::powers(bool functions) {
  Expr base = component(functions);
  while (base && peek() == Token::caret) {
    Expr exponent = superscript();
    if (!exponent) return nullptr;
    base = make(Kind::power, {base, exponent});
  }
  return base;
}

Expr LatexGrammar::superscript() {
  return attempt([&]() -> Expr {
    if (!take(Token::caret)) return nullptr;
    return peek() == Token::open_brace ? braced() : atom();
  });
}

Expr LatexGrammar::braced() { return enclosed(Token::open_brace, Token::close_brace); }

Expr LatexGrammar::enclosed(Token open, Token close) {
  return attempt([&]() -> Expr {
    if (!take(open)) return nullptr;
    bool bars = std::exchange(in_bars_, false), differential = std::exchange(stop_at_differential_, false);
    Expr e = expression();
    in_bars_ = bars;
    stop_at_differential_ = differential;
    return e && take(close) ? e : nullptr;
  });
}

Expr LatexGrammar::component(bool functions) {
  Depth depth(*this);
  return attempt([&]() -> Expr {
    switch (peek()) {
      case Token::open_brace:
      case Token::open_paren:
      case Token::open_bracket:
      case Token::open_visual_brace:
      case Token::open_group:
        return group();
      case Token::bar:
      case Token::vert:
      case Token::open_bar:
        return absolute();
      case Token::open_floor:
      case Token::open_ceil: {
        bool floor = peek() == Token::open_floor;
        Expr e =
            floor ? enclosed(Token::open_floor, Token::close_floor) : enclosed(Token::open_ceil, Token::close_ceil);
        return e ? make(Kind::function, {e}, floor ? "floor" : "ceiling") : nullptr;
      }
      case Token::begin_matrix:
      case Token::begin_array:
      case Token::begin_determinant:
        return matrix();
      case Token::command:
        if (Expr e = attempt([&] { return fraction(); })) return e;
        if (Expr e = attempt([&] { return binomial(); })) return e;
        if (text() == "\\boxed" || text() == "\\phantom") {
          ++at_;
          return braced();
        }
        return functions ? function() : nullptr;
      case Token::euler: {
        if (!functions) return nullptr;
        ++at_;
        Expr exponent = peek() == Token::caret ? superscript() : nullptr;
        return exponent ? make(Kind::power, {make_constant("E"), exponent}) : make_constant("E");
      }
      default:
        if (functions) {
          if (Expr e = attempt([&] { return applied_symbol(); })) return e;
        }
        return atom();
    }
  });
}

Expr LatexGrammar::group() {
  if (peek() == Token::open_brace) {
    if (Expr e = attempt([&] { return choose(); })) return e;
  }
  switch (peek()) {
    case Token::open_brace:
      return braced();
    case Token::open_paren:
      return enclosed(Token::open_paren, Token::close_paren);
    case Token::open_bracket:
      return enclosed(Token::open_bracket, Token::close_bracket);
    case Token::open_visual_brace:
      return enclosed(Token::open_visual_brace, Token::close_visual_brace);
    default:
      return enclosed(Token::open_group, Token::close_group);
  }
}

Expr LatexGrammar::absolute() {
  Token open = peek();
  Token close = open == Token::open_bar ? Token::close_bar : open;
  if (open != Token::open_bar && in_bars_ && !first_factor_) return nullptr;  // after a factor it closes
  ++at_;
  bool bars = std::exchange(in_bars_, open != Token::open_bar);
  Expr e = expression();
  in_bars_ = bars;
  if (!e || !take(close)) return nullptr;
  return make(Kind::function, {e}, "abs");
}

Expr LatexGrammar::matrix() {
  Token open = peek();
  Token close = open == Token::begin_matrix  ? Token::end_matrix
                : open == Token::begin_array ? Token::end_array
                                             : Token::end_determinant;
  ++at_;
  std::vector<Exprs> rows;
  do {
    if (!rows.empty() && peek() == close) break;
    Exprs row;
    do {
      Expr e = expression();
      if (!e) return nullptr;
      row.push_back(std::move(e));
    } while (take(Token::ampersand));
    rows.push_back(std::move(row));
  } while (take(Token::row_end));
  if (!take(close)) return nullptr;
  auto node = std::make_shared<Node>();
  node->kind = Kind::matrix;
  node->columns = rows[0].size();
  for (const Exprs& row : rows) {
    if (row.size() != node->columns) throw ParseError{};
    node->args.insert(node->args.end(), row.begin(), row.end());
  }
  if (open != Token::begin_determinant) return node;
  return make(Kind::function, {node}, "determinant");
}

// ---------------------------------------------------------------------------------------------------------- atoms

Expr LatexGrammar::atom() {
  switch (peek()) {
    case Token::number: {
      Expr e = parse_decimal(text());
      ++at_;
      std::string ignored;
      subscript(ignored);
      return e;
    }
    case Token::e_number: {
      Expr e = parse_decimal(text());
      if (!e) throw ParseError{};
      ++at_;
      return e;
    }
    case Token::percent: {
      Expr e = parse_decimal(text());
      ++at_;
      return make(Kind::multiply, {e, make_number(Rational(1, 100))});
    }
    case Token::infinity:
      ++at_;
      return make_constant("oo");
    case Token::partial:
      throw ParseError{};
    case Token::capital_e:
      ++at_;
      return make_symbol("e", real_);
    case Token::differential: {
      if (stop_at_differential_) return nullptr;
      std::string name = text();
      ++at_;
      return make_symbol("d" + (name[0] == '\\' ? name.substr(1) : name), real_);
    }
    default:
      return named_atom();
  }
}

Expr LatexGrammar::named_atom() {
  Token token = peek();
  if (token != Token::letter && token != Token::greek && token != Token::symbol && token != Token::accent) {
    return nullptr;
  }
  std::string letters = text();
  ++at_;
  // Sub- and superscript in either order.
  std::string sub;
  subscript(sub);
  Expr exponent = peek() == Token::caret ? superscript() : nullptr;
  if (exponent && sub.empty()) subscript(sub);
  if (token == Token::letter && letters == "I") return make_constant("I");
  Expr symbol = symbol_of(letters, sub);
  return exponent ? make(Kind::power, {symbol, exponent}) : symbol;
}

bool LatexGrammar::subscript(std::string& out) {
  if (peek() != Token::underscore) return false;
  size_t before = at_++;
  size_t first = at_;
  if (take(Token::open_brace)) {
    first = at_;
    bool fits = true;
    do {
      fits = expression() != nullptr;
    } while (fits && take(Token::comma));
    if (fits && take(Token::close_brace)) {
      for (size_t i = first; i + 1 < at_; ++i) out += tokens_[i].text;
      return true;
    }
  } else if (atom()) {
    for (size_t i = first; i < at_; ++i) out += tokens_[i].text;
    return true;
  }
  at_ = before;
  return false;
}

namespace {

// The letters that an accent command stands over, with the name of the accent where it tells symbols apart.
std::string accented(const std::string& text) {
  size_t brace = text.find('{');
  std::string name = text.substr(1, brace - 1), inside;
  for (char c : text.substr(brace + 1, text.size() - brace - 2)) {
    if (c != ' ') inside += c;
  }
  if (name == "bar" || name == "overline") {
    name = "bar";
  } else if (name == "vec" || name == "overrightarrow") {
    name = "vec";
  } else if (name == "tilde" || name == "widetilde") {
    name = "tilde";
  } else if (name.find("text") != name.npos || name.find("mbox") != name.npos) {
    // \text{C} is the symbol C
    inside.erase(std::remove_if(inside.begin(), inside.end(), [](char c) { return c == '(' || c == ')'; }),
                 inside.end());
    return inside;
  } else if (name.find("math") != name.npos) {
    name = "math";
  }
  return name + "{" + inside + "}";
}

// The English name of a Greek letter, "" where it is none.
std::string greek_name(std::string_view letter) {
  static constexpr std::pair<std::string_view, const char*> names[] = {
      {"α", "alpha"},    {"β", "beta"},       {"γ", "gamma"},   {"Γ", "gamma"},   {"δ", "delta"},  {"Δ", "delta"},
      {"ε", "epsilon"},  {"ϵ", "varepsilon"}, {"ζ", "zeta"},    {"η", "eta"},     {"θ", "theta"},  {"Θ", "theta"},
      {"ϑ", "vartheta"}, {"ι", "iota"},       {"κ", "kappa"},   {"λ", "lambda"},  {"Λ", "lambda"}, {"μ", "mu"},
      {"ν", "nu"},       {"ξ", "xi"},         {"Ξ", "xi"},      {"ο", "omicron"}, {"π", "pi"},     {"Π", "pi"},
      {"ϖ", "varpi"},    {"ρ", "rho"},        {"ϱ", "varrho"},  {"σ", "sigma"},   {"Σ", "sigma"},  {"ς", "varsigma"},
      {"τ", "tau"},      {"υ", "upsilon"},    {"Υ", "upsilon"}, {"φ", "phi"},     {"Φ", "phi"},    {"ϕ", "varphi"},
      {"χ", "chi"},      {"ψ", "psi"},        {"Ψ", "psi"},     {"ω", "omega"},   {"Ω", "omega"}};
  for (const auto& [key, name] : names) {
    if (key == letter) return name;
  }
  return "";
}

}  // namespace

Expr LatexGrammar::symbol_of(const std::string& letters, const std::string& sub) const {
  std::string name = letters;
  if (name[0] == '\\' && name.find('{') != name.npos) name = accented(name);
  name = std::string(strip(name));
  if (!sub.empty()) {
    name += length(sub) > 1 ? "_{" + sub + "}" : "_" + sub;
  } else if (std::string greek = greek_name(name); !greek.empty()) {
    name = greek;
  }
  if (!name.empty() && name[0] == '\\') name = name.substr(1);
  name = lower(name);
  if (name == "pi") return make_constant("pi");
  return make_symbol(std::move(name), real_);
}

}  // namespace golong::plugins::math

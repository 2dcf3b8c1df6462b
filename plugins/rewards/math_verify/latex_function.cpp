#include <array>
#include <unordered_map>

#include "plugins/common/unicode.h"
#include "plugins/rewards/math_verify/latex_grammar.h"

namespace golong::plugins::math {

Expr LatexGrammar::function() {
  if (peek() != Token::command) return nullptr;
  const std::string name = text().substr(1);
  if (name == "sqrt") return root();
  if (name == "int") return integral();
  if (name == "sum") return repeated("sum");
  if (name == "prod") return repeated("product");
  if (name == "lim") return limit();
  if (name == "gcd" || name == "lcm" || name == "max" || name == "min") {
    ++at_;
    return several_arguments(name);
  }
  if (name == "operatorname") {
    // The name in braces is a run of letters that the lexer took apart.
    ++at_;
    if (!take(Token::open_brace)) return nullptr;
    std::string letters;
    while (peek() == Token::letter || peek() == Token::euler || peek() == Token::differential) {
      letters += peek() == Token::differential ? "d" + text() : text();
      ++at_;
    }
    if (!take(Token::close_brace)) return nullptr;
    if (letters == "gcd" || letters == "lcm") return several_arguments(letters);
    static constexpr std::array known = {"arsinh", "arcsinh", "arcosh", "arccosh",
                                         "artanh", "arctanh", "floor",  "ceil"};
    for (const char* one : known) {
      if (letters == one) return single_argument(letters);
    }
    return nullptr;
  }
  if (name == "choose") return nullptr;
  ++at_;
  return single_argument(name);
}

Expr LatexGrammar::single_argument(const std::string& name) {
  Expr base, exponent;
  for (int i = 0; i < 2; ++i) {
    if (peek() == Token::caret && !exponent) {
      exponent = superscript();
      if (!exponent) return nullptr;
    } else if (peek() == Token::underscore && !base) {
      base = attempt([&]() -> Expr {
        ++at_;
        return peek() == Token::open_brace ? braced() : atom();
      });
      if (!base) return nullptr;
    }
  }
  Expr argument = peek() == Token::open_paren ? enclosed(Token::open_paren, Token::close_paren) : nullptr;
  if (!argument) argument = attempt([&] { return product(false); });
  if (!argument) return nullptr;

  std::string function = name;
  if (name.rfind("arc", 0) == 0) {
    function = "a" + name.substr(3);
  } else if (name.rfind("ar", 0) == 0) {
    function = "a" + name.substr(2);
  } else if (name == "ceil") {
    function = "ceiling";
  } else if (name == "det") {
    function = "determinant";
  }
  Expr result;
  if (name == "log" || name == "ln") {
    if (!base) base = name == "ln" ? make_constant("E") : make_number(10);
    result = make(Kind::function, {argument, base}, "log");
  } else if (name == "exp") {
    result = make(Kind::power, {make_constant("E"), argument});
  } else {
    static constexpr std::array inverted = {"sin", "cos", "tan", "csc", "sec", "cot", "sinh", "cosh", "tanh"};
    bool has_inverse = false;
    for (const char* one : inverted) has_inverse |= name == one;
    if (has_inverse && exponent && exponent->kind == Kind::number && exponent->value == -1) {
      function = "a" + function;  // sin^{-1} is arcsin
      exponent = nullptr;
    }
    result = make(Kind::function, {argument}, function);
  }
  return exponent ? make(Kind::power, {result, exponent}) : result;
}

Expr LatexGrammar::several_arguments(const std::string& name) {
  Expr exponent = peek() == Token::caret ? superscript() : nullptr;
  if (!take(Token::open_paren)) return nullptr;
  Exprs args;
  do {
    Expr e = expression();
    if (!e) return nullptr;
    args.push_back(std::move(e));
  } while (take(Token::comma));
  if (!take(Token::close_paren)) return nullptr;
  Expr result = make(Kind::function, std::move(args), name);
  return exponent ? make(Kind::power, {result, exponent}) : result;
}

// f(x), P(2), g(a, b): a symbol before parentheses that hold one atom or a list is a function.
Expr LatexGrammar::applied_symbol() {
  Token token = peek();
  if (token != Token::letter && token != Token::greek && token != Token::symbol && token != Token::accent) {
    return nullptr;
  }
  std::string name = text();
  ++at_;
  std::string sub;
  if (subscript(sub)) name += "_" + sub;
  Expr exponent = peek() == Token::caret ? superscript() : nullptr;
  if (!take(Token::open_paren)) return nullptr;
  Exprs args;
  size_t before = at_;
  if (Expr e = atom(); e && peek() == Token::close_paren) {
    args.push_back(std::move(e));
  } else {
    at_ = before;
    do {
      Expr argument = expression();
      if (!argument) return nullptr;
      args.push_back(std::move(argument));
    } while (take(Token::comma) && peek() != Token::close_paren);
    if (args.size() == 1) return nullptr;
  }
  if (!take(Token::close_paren)) return nullptr;
  Expr result = make(Kind::function, std::move(args), "f:" + name);
  return exponent ? make(Kind::power, {result, exponent}) : result;
}

Expr LatexGrammar::fraction() {
  if (peek() != Token::command) return nullptr;
  const std::string& name = text();
  if (name != "\\frac" && name != "\\dfrac" && name != "\\tfrac" && name != "\\cfrac") return nullptr;
  ++at_;
  size_t top_start = at_;
  Expr top = braced();
  if (!top) return nullptr;
  size_t bottom_start = at_;
  Expr bottom = braced();
  if (!bottom) return nullptr;
  // dy/dx is a derivative: no value, equal to itself alone.
  if (tokens_[bottom_start + 1].token == Token::differential && at_ == bottom_start + 3) {
    bool of_something = tokens_[top_start + 1].token == Token::differential;
    if (!of_something && tokens_[top_start + 1].text == "d") throw ParseError{};
    if (of_something) return make(Kind::function, {top, bottom}, "derivative");
  }
  return divide(top, bottom);
}

Expr LatexGrammar::root() {
  ++at_;
  Expr degree;
  if (peek() == Token::open_bracket) {
    degree = enclosed(Token::open_bracket, Token::close_bracket);
    if (!degree) return nullptr;
  }
  Expr body = braced();
  if (!body) return nullptr;
  Expr exponent = degree ? divide(make_number(1), degree) : make_number(Rational(1, 2));
  return make(Kind::power, {body, exponent});
}

Expr LatexGrammar::binomial() {
  const std::string& name = text();
  if (name != "\\binom" && name != "\\dbinom" && name != "\\tbinom") return nullptr;
  ++at_;
  Expr n = braced();
  Expr k = n ? braced() : nullptr;
  return k ? make(Kind::function, {n, k}, "binomial") : nullptr;
}

Expr LatexGrammar::choose() {
  if (!take(Token::open_brace)) return nullptr;
  Expr n = expression();
  if (!n || !take_command("\\choose")) return nullptr;
  Expr k = expression();
  if (!k || !take(Token::close_brace)) return nullptr;
  return make(Kind::function, {n, k}, "binomial");
}

// ------------------------------------------------------------------------------------------------- big operators

namespace {

Expr substitute(const Expr& e, const std::string& symbol, const Expr& by) {
  if (e->kind == Kind::symbol) return e->name == symbol ? by : e;
  if (e->args.empty()) return e;
  auto copy = std::make_shared<Node>(*e);
  for (Expr& arg : copy->args) arg = substitute(arg, symbol, by);
  return copy;
}

// The first symbol d... of an integrand, "" where there is none.
std::string differential_of(const Expr& e) {
  if (e->kind == Kind::symbol) return e->name.size() > 1 && e->name[0] == 'd' ? e->name : "";
  for (const Expr& arg : e->args) {
    if (std::string name = differential_of(arg); !name.empty()) return name;
  }
  return "";
}

}  // namespace

Expr LatexGrammar::integral() {
  ++at_;
  Expr from, to;
  if (peek() == Token::underscore || peek() == Token::caret) {
    for (int i = 0; i < 2; ++i) {
      if (peek() == Token::caret && !to) {
        to = superscript();
      } else if (peek() == Token::underscore && !from) {
        ++at_;
        from = peek() == Token::open_brace ? braced() : atom();
      }
    }
    if (!from || !to) return nullptr;
  }
  std::string variable;
  bool differential = std::exchange(stop_at_differential_, true);
  Expr body = attempt([&]() -> Expr {
    Expr e = peek() == Token::differential ? make_number(1) : expression();
    if (!e || peek() != Token::differential) return nullptr;
    variable = text();
    ++at_;
    return e;
  });
  stop_at_differential_ = false;
  if (!body) {
    body = expression();
    if (body) {
      std::string d = differential_of(body);
      variable = d.empty() ? "x" : d.substr(1);
      if (!d.empty()) body = substitute(body, d, make_number(1));
    }
  }
  stop_at_differential_ = differential;
  if (!body) return nullptr;
  if (!variable.empty() && variable[0] == '\\') variable = variable.substr(1);
  Exprs args{body, make_symbol(variable, real_)};
  if (from) {
    args.push_back(from);
    args.push_back(to);
  }
  return make(Kind::function, std::move(args), "integral");
}

Expr LatexGrammar::repeated(const char* name) {
  ++at_;
  Expr variable, from, to;
  for (int i = 0; i < 2; ++i) {
    if (peek() == Token::caret && !to) {
      to = superscript();
    } else if (peek() == Token::underscore && !from) {
      ++at_;
      if (!take(Token::open_brace)) return nullptr;
      variable = expression();
      if (!variable || (!take(Token::assign) && !take(Token::equal))) return nullptr;
      from = expression();
      if (!from || !take(Token::close_brace)) return nullptr;
    }
  }
  if (!from || !to) return nullptr;
  Expr body = product(true);
  if (!body) return nullptr;
  if (variable->kind != Kind::symbol) throw ParseError{};
  return make(Kind::function, {body, variable, from, to}, name);
}

Expr LatexGrammar::limit() {
  ++at_;
  if (!take(Token::underscore) || !take(Token::open_brace)) return nullptr;
  if (peek() != Token::letter && peek() != Token::greek && peek() != Token::symbol) return nullptr;
  Expr variable = symbol_of(text(), "");
  ++at_;
  if (!take(Token::arrow)) return nullptr;
  Expr to = expression();
  if (!to) return nullptr;
  if (take(Token::caret)) {
    if (!take(Token::open_brace) || (!take(Token::plus) && !take(Token::minus)) || !take(Token::close_brace)) {
      return nullptr;
    }
  }
  if (!take(Token::close_brace)) return nullptr;
  Expr body = product(true);
  return body ? make(Kind::function, {body, variable, to}, "limit") : nullptr;
}

}  // namespace golong::plugins::math

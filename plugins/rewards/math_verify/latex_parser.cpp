#include "plugins/rewards/math_verify/latex_parser.h"

#include <algorithm>

#include "plugins/common/unicode.h"
#include "plugins/rewards/math_verify/evaluate.h"
#include "plugins/rewards/math_verify/latex_grammar.h"

namespace golong::plugins::math {

Expr set_or_value(const std::vector<Exprs>& lists) {
  if (lists.size() == 1) {
    if (lists[0].size() == 1) return lists[0][0];
    return make(Kind::finite_set, lists[0]);
  }
  bool single = std::all_of(lists.begin(), lists.end(), [](const Exprs& list) { return list.size() == 1; });
  Exprs members;
  for (const Exprs& list : lists) members.push_back(single ? list[0] : make(Kind::tuple, list));
  return make(Kind::finite_set, std::move(members));
}

// ---------------------------------------------------------------------------------------------------------- sets

Expr LatexGrammar::set_relation() {
  Depth depth(*this);
  Expr whole = attempt([&]() -> Expr {
    Expr left = atom_list();
    if (!left) return nullptr;
    Token op = peek();
    if (op != Token::in && op != Token::assign && op != Token::not_in) return nullptr;
    ++at_;
    Expr right = set_relation();
    if (!right) return nullptr;
    Expr equal = make(Kind::relation, {left, right}, "=");
    return op == Token::not_in ? make(Kind::function, {equal}, "not") : equal;
  });
  if (whole) return whole;
  return minus_set();
}

Expr LatexGrammar::atom_list() {
  if (peek() == Token::open_paren) {
    return attempt([&]() -> Expr {
      ++at_;
      Exprs atoms;
      do {
        Expr e = named_atom();
        if (!e) return nullptr;
        atoms.push_back(std::move(e));
      } while (take(Token::comma));
      if (!take(Token::close_paren)) return nullptr;
      return atoms.size() == 1 ? atoms[0] : make(Kind::tuple, std::move(atoms));
    });
  }
  return named_atom();
}

namespace {

Expr as_set(const Expr& e) { return e->kind == Kind::tuple ? make(Kind::finite_set, e->args) : e; }

}  // namespace

Expr LatexGrammar::minus_set() {
  Expr left = union_set();
  while (left && peek() == Token::set_minus) {
    ++at_;
    Expr right = union_set();
    if (!right) return nullptr;
    left = make(Kind::complement, {left, right});
  }
  return left;
}

Expr LatexGrammar::union_set() {
  Expr left = intersection_set();
  while (left && peek() == Token::set_union) {
    ++at_;
    Expr right = intersection_set();
    if (!right) return nullptr;
    left = make(Kind::set_union, {as_set(left), as_set(right)});
  }
  return left;
}

Expr LatexGrammar::intersection_set() {
  Expr left = set_group();
  while (left && peek() == Token::intersection) {
    ++at_;
    Expr right = set_group();
    if (!right) return nullptr;
    left = make(Kind::intersection, {as_set(left), as_set(right)});
  }
  return left;
}

Expr LatexGrammar::set_group() {
  Depth depth(*this);
  if (Expr e = attempt([&] { return set_atom(); })) return e;
  return attempt([&]() -> Expr {
    if (!take(Token::open_paren)) return nullptr;
    Expr e = minus_set();
    return e && take(Token::close_paren) ? e : nullptr;
  });
}

Expr LatexGrammar::set_atom() {
  Depth depth(*this);
  if (peek() == Token::literal_set) {
    static constexpr std::pair<std::string_view, const char*> names[] = {
        {"N", "Naturals"}, {"Z", "Integers"}, {"Q", "Rationals"}, {"R", "Reals"}, {"C", "Complexes"},
        {"ℕ", "Naturals"}, {"ℤ", "Integers"}, {"ℚ", "Rationals"}, {"ℝ", "Reals"}, {"ℂ", "Complexes"}};
    std::string letter = text();
    if (letter[0] == '\\') letter = letter.substr(letter.size() - 2, 1);
    for (const auto& [key, name] : names) {
      if (key == letter) {
        ++at_;
        return make(Kind::named_set, {}, name);
      }
    }
    return nullptr;
  }
  if (take(Token::empty_set)) return make(Kind::named_set, {}, "EmptySet");
  if (peek() == Token::open_brace && peek(1) == Token::close_brace) {
    at_ += 2;
    return make(Kind::named_set, {}, "EmptySet");
  }
  if (Expr e = attempt([&] { return interval(); })) return e;
  if (Expr e = attempt([&] { return ordered_tuple(); })) return e;
  return attempt([&] { return finite_set(); });
}

Expr LatexGrammar::interval() {
  Token open = peek();
  bool left_open = open == Token::open_paren || open == Token::open_visual_paren || open == Token::open_group;
  if (!left_open && open != Token::open_bracket) return nullptr;
  ++at_;
  Expr left = expression();
  if (!left || !take(Token::comma)) return nullptr;
  Expr right = expression();
  if (!right) return nullptr;
  Token close = peek();
  bool right_open = close == Token::close_paren || close == Token::close_visual_paren || close == Token::close_group;
  if (!right_open && close != Token::close_bracket) return nullptr;
  ++at_;
  return interval_value(std::move(left), std::move(right), left_open, right_open);
}

Expr LatexGrammar::interval_value(Expr left, Expr right, bool left_open, bool right_open) const {
  auto infinite = [](const Expr& e, const char* name) { return e->kind == Kind::constant && e->name == name; };
  Evaluator evaluator({}, 5000);
  std::optional<Value> a, b;
  if (!infinite(left, "-oo")) a = evaluator.value(left);
  if (!infinite(right, "oo")) b = evaluator.value(right);
  if ((a && a->complex().im != 0) || (b && b->complex().im != 0)) throw ParseError{};  // no interval of reals
  if (infinite(left, "oo") || infinite(right, "-oo")) return make(Kind::tuple, {left, right});
  if (!a || !b) return make_interval(std::move(left), std::move(right), left_open, right_open);
  Real difference = (b->complex() - a->complex()).re;
  bool same_value = mp::abs(difference) < Real("1e-40");
  // An open interval that holds nothing was meant as a pair; a closed one too where its ends are the wrong way round.
  if (left_open && right_open && (same_value || difference < 0)) return make(Kind::tuple, {left, right});
  if (!left_open && !right_open && !same_value && difference < 0) return make(Kind::tuple, {left, right});
  if (!left_open && !right_open && same_value) return make(Kind::finite_set, {left});
  if (same_value || difference < 0) return make(Kind::named_set, {}, "EmptySet");
  return make_interval(std::move(left), std::move(right), left_open, right_open);
}

Expr LatexGrammar::ordered_tuple() {
  Token close;
  switch (peek()) {
    case Token::open_paren:
      close = Token::close_paren;
      break;
    case Token::open_bracket:
      close = Token::close_bracket;
      break;
    case Token::open_visual_paren:
      close = Token::close_visual_paren;
      break;
    default:
      return nullptr;
  }
  ++at_;
  std::vector<Exprs> lists;
  if (!elements(lists, true) || !take(close)) return nullptr;
  Exprs members;
  for (const Exprs& list : lists) members.insert(members.end(), list.begin(), list.end());
  if (lists.size() == 1 && members.size() == 1) return members[0];
  return make(Kind::tuple, std::move(members));
}

Expr LatexGrammar::finite_set() {
  bool boxed = take_command("\\boxed");
  Token close = Token::close_brace;
  if (!boxed && peek() == Token::open_visual_brace) {
    close = Token::close_visual_brace;
  } else if (peek() != Token::open_brace) {
    return nullptr;
  }
  ++at_;
  std::vector<Exprs> lists;
  if (!elements(lists, true) || !take(close)) return nullptr;
  if (boxed) return set_or_value(lists);
  Exprs members;
  for (const Exprs& list : lists) members.insert(members.end(), list.begin(), list.end());
  return make(Kind::finite_set, std::move(members));
}

// --------------------------------------------------------------------------------------------------------- lists

bool LatexGrammar::elements(std::vector<Exprs>& lists, bool with_relations) {
  Depth depth(*this);
  do {
    Exprs list;
    do {
      if (!element(list, with_relations)) return false;
    } while (take(Token::comma));
    lists.push_back(std::move(list));
  } while (take(Token::semicolon));
  return true;
}

bool LatexGrammar::element(Exprs& out, bool with_relations) {
  Depth depth(*this);
  size_t before = at_;
  auto ends = [&] {
    switch (peek()) {
      case Token::comma:
      case Token::semicolon:
      case Token::end:
      case Token::close_paren:
      case Token::close_bracket:
      case Token::close_brace:
      case Token::close_visual_brace:
      case Token::close_visual_paren:
        return true;
      default:
        return false;
    }
  };
  if (take(Token::plus_minus)) {
    if (Expr e = expression(); e && ends()) {
      out.push_back(e->kind == Kind::number && !e->floating ? negate(e) : make(Kind::multiply, {make_number(-1), e}));
      out.push_back(e);
      return true;
    }
    at_ = before;
    return false;
  }
  if (Expr e = attempt([&] { return set_atom(); })) {
    if (ends()) {
      out.push_back(std::move(e));
      return true;
    }
    at_ = before;
  }
  if (Expr left = expression()) {
    if (take(Token::plus_minus)) {
      if (Expr right = expression(); right && ends()) {
        out.push_back(make(Kind::add, {left, right}));
        out.push_back(make(Kind::add, {left, right->kind == Kind::number && !right->floating
                                                 ? negate(right)
                                                 : make(Kind::multiply, {make_number(-1), right})}));
        return true;
      }
    }
    at_ = before;
  }
  Expr e = attempt([&] { return with_relations ? relation() : expression(); });
  if (e && ends()) {
    out.push_back(std::move(e));
    return true;
  }
  at_ = before;
  return false;
}

namespace {

const char* relation_name(Token token) {
  switch (token) {
    case Token::assign:
    case Token::equal:
      return "=";
    case Token::unequal:
      return "!=";
    case Token::less:
      return "<";
    case Token::less_equal:
      return "<=";
    case Token::greater:
      return ">";
    case Token::greater_equal:
      return ">=";
    default:
      return nullptr;
  }
}

// Joins a relation to what stands left of it: 1 < x < 2 is a chain of 1 < x and x < 2.
Expr chain(const Expr& left, const char* op, const Expr& right) {
  if (left->kind == Kind::conjunction) {
    Exprs all = left->args;
    all.push_back(make(Kind::relation, {all.back()->args[1], right}, op));
    return make(Kind::conjunction, std::move(all));
  }
  if (left->kind == Kind::relation) {
    return make(Kind::conjunction, {left, make(Kind::relation, {left->args[1], right}, op)});
  }
  return make(Kind::relation, {left, right}, op);
}

}  // namespace

Expr LatexGrammar::relation() {
  Depth depth(*this);
  Expr left = expression();
  while (left) {
    Token op = peek();
    const char* name = relation_name(op);
    if (name == nullptr && op != Token::approx && op != Token::in) break;
    ++at_;
    Expr right = expression();
    if (!right) return nullptr;
    if (op == Token::in) throw ParseError{};
    if (op == Token::approx) {
      if (only_symbols(left)) left = right;  // x \approx 2 is 2; 1/3 \approx 0.33 is 1/3
    } else {
      left = chain(left, name, right);
    }
  }
  return left;
}

Expr LatexGrammar::elements_relation() {
  return attempt([&]() -> Expr {
    Expr left = atom_list();
    if (!left || (peek() != Token::assign && peek() != Token::in)) return nullptr;
    ++at_;
    std::vector<Exprs> lists;
    if (!elements(lists, false)) return nullptr;
    return make(Kind::relation, {left, set_or_value(lists)}, "=");
  });
}

// ----------------------------------------------------------------------------------------------------------- all

namespace {

// 1,234 is a number, not a list: [-]ddd(,ddd)+[.d+]. nullptr where the text is none.
Expr comma_number(std::string_view latex) {
  std::string_view s = strip(latex);
  std::string plain;
  size_t at = 0;
  if (!s.empty() && s[0] == '-') plain += s[at++];
  size_t run = 0, groups = 0;
  bool decimals = false;
  for (; at < s.size(); ++at) {
    char c = s[at];
    if (c >= '0' && c <= '9') {
      ++run;
      plain += c;
    } else if (c == ',' && !decimals) {
      if (groups == 0 ? run < 1 || run > 3 : run != 3) return nullptr;
      ++groups;
      run = 0;
    } else if (c == '.' && !decimals) {
      if (groups == 0 || run != 3) return nullptr;
      decimals = true;
      run = 0;
      plain += c;
    } else {
      return nullptr;
    }
  }
  if (groups == 0 || (decimals ? run == 0 : run != 3)) return nullptr;
  if (s[0] == '0') {
    // The comma is a decimal point.
    if (groups != 1 || decimals) throw ParseError{};
    return parse_decimal(std::string(s.substr(0, s.find(','))) + "." + std::string(s.substr(s.find(',') + 1)));
  }
  return parse_decimal(plain);
}

}  // namespace

Expr parse_latex(const std::string& latex, bool real) {
  std::optional<std::vector<Lexeme>> tokens = lex_latex(latex);
  if (!tokens) return nullptr;
  try {
    LatexGrammar grammar(std::move(*tokens), real);
    if (Expr e = grammar.set_relation(); e && grammar.at_end()) return e;
    grammar.restart();
    if (Expr e = grammar.elements_relation(); e && grammar.at_end()) return e;
    grammar.restart();
    std::vector<Exprs> lists;
    if (grammar.elements(lists, true) && grammar.at_end()) {
      if (Expr number = comma_number(latex)) return number;
      return set_or_value(lists);
    }
  } catch (const ParseError&) {
  }
  return nullptr;
}

}  // namespace golong::plugins::math

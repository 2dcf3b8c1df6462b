#include "plugins/rewards/math_verify/plain_parser.h"

namespace golong::plugins::math {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view s) : s_(s) {}

  Expr all() {
    Expr e = sum();
    skip();
    return e && at_ == s_.size() ? e : nullptr;
  }

 private:
  void skip() {
    while (at_ < s_.size() && (s_[at_] == ' ' || s_[at_] == '\t' || s_[at_] == '\n' || s_[at_] == '\f')) ++at_;
  }
  char look(size_t ahead = 0) const { return at_ + ahead < s_.size() ? s_[at_ + ahead] : '\0'; }
  bool digit(size_t ahead = 0) const { return look(ahead) >= '0' && look(ahead) <= '9'; }

  Expr sum() {
    if (++depth_ > 100) return nullptr;
    Expr left = product();
    for (skip(); left && (look() == '+' || look() == '-'); skip()) {
      bool minus = s_[at_++] == '-';
      Expr right = product();
      if (!right) return nullptr;
      left = flat_add(left, minus ? negate(right) : right);
    }
    --depth_;
    return left;
  }

  Expr product() {
    Expr left = sign();
    for (skip(); left && ((look() == '*' && look(1) != '*') || look() == '/'); skip()) {
      bool divided = s_[at_++] == '/';
      bool whole = divided && look() == '/';
      if (whole) ++at_;
      Expr right = sign();
      if (!right) return nullptr;
      if (!divided) {
        left = flat_multiply(left, right);
      } else {
        left = make(Kind::multiply, {left, make(Kind::power, {right, make_number(-1)})});
        if (whole) left = make(Kind::function, {left}, "floor");
      }
    }
    return left;
  }

  Expr sign() {
    if (++depth_ > 100) return nullptr;
    skip();
    Expr e;
    if (look() == '-' || look() == '+') {
      bool minus = s_[at_++] == '-';
      e = sign();
      if (e && minus) e = negate(e);
    } else {
      e = power();
    }
    --depth_;
    return e;
  }

  Expr power() {
    Expr base = atom();
    skip();
    bool caret = look() == '^', stars = look() == '*' && look(1) == '*';
    if (!base || (!caret && !stars)) return base;
    at_ += caret ? 1 : 2;
    Expr exponent = sign();
    return exponent ? make(Kind::power, {base, exponent}) : nullptr;
  }

  Expr atom() {
    skip();
    if (look() == '(') {
      ++at_;
      Expr e = sum();
      skip();
      if (!e || look() != ')') return nullptr;
      ++at_;
      return e;
    }
    size_t start = at_;
    while (digit()) ++at_;
    size_t whole = at_ - start;
    bool point = look() == '.';
    if (point) {
      ++at_;
      while (digit()) ++at_;
    }
    std::string_view text = s_.substr(start, at_ - start);
    if (text.empty() || text == ".") return nullptr;
    // 007 is no number in Python, 00 and 007.5 are.
    if (!point && whole > 1 && text[0] == '0' && text.find_first_not_of('0') != text.npos) return nullptr;
    return parse_decimal(text);
  }

  std::string_view s_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Expr parse_plain(std::string_view text) { return Parser(text).all(); }

}  // namespace golong::plugins::math

// The parser behind latex_parser.h: one method for each rule. Rules of expressions stand in latex_expression.cpp,
// functions and big operators in latex_function.cpp, sets, lists and relations in latex_parser.cpp.
//
// A method returns nullptr (or false) where its rule does not fit and leaves the place as it was.
#pragma once
#include <string>
#include <vector>

#include "plugins/rewards/math_verify/expression.h"
#include "plugins/rewards/math_verify/latex_lexer.h"

namespace golong::plugins::math {

// No reading is possible: too deep, too many tries, or a conversion that the published code refuses.
struct ParseError {};

class LatexGrammar {
 public:
  LatexGrammar(std::vector<Lexeme> tokens, bool real) : tokens_(std::move(tokens)), real_(real) {}

  // Sets, lists and relations.
  Expr set_relation();
  bool elements(std::vector<Exprs>& lists, bool with_relations);
  Expr elements_relation();
  bool at_end() const { return peek() == Token::end; }
  void restart() { at_ = 0; }

 private:
  class Depth {
   public:
    explicit Depth(LatexGrammar& g) : g_(g) {
      if (++g_.depth_ > 150 || ++g_.tries_ > 100'000) throw ParseError{};
    }
    ~Depth() { --g_.depth_; }

   private:
    LatexGrammar& g_;
  };

  Token peek(size_t ahead = 0) const { return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead].token : Token::end; }
  bool take(Token token) {
    if (peek() != token) return false;
    ++at_;
    return true;
  }
  const std::string& text() const { return tokens_[at_].text; }
  bool take_command(const char* name) {
    if (peek() != Token::command || text() != name) return false;
    ++at_;
    return true;
  }
  // Runs `rule`; where it gives nothing the place is restored.
  template <class Rule>
  Expr attempt(Rule&& rule) {
    size_t before = at_;
    Expr e = rule();
    if (!e) at_ = before;
    return e;
  }

  Expr minus_set();
  Expr union_set();
  Expr intersection_set();
  Expr set_group();
  Expr set_atom();
  Expr interval();
  Expr ordered_tuple();
  Expr finite_set();
  bool element(Exprs& out, bool with_relations);
  Expr relation();
  Expr atom_list();
  Expr interval_value(Expr left, Expr right, bool left_open, bool right_open) const;

  Expr expression();  // sums
  Expr product(bool functions);
  Expr unary(bool functions);
  Expr factors(bool functions);
  Expr postfix(bool functions);
  Expr powers(bool functions);
  Expr component(bool functions);
  Expr enclosed(Token open, Token close);
  Expr group();
  Expr absolute();
  Expr atom();
  Expr named_atom();
  Expr matrix();
  Expr braced();  // { expression }
  Expr superscript();
  bool subscript(std::string& out);
  Expr symbol_of(const std::string& letters, const std::string& sub) const;

  Expr function();
  Expr applied_symbol();
  Expr single_argument(const std::string& name);
  Expr several_arguments(const std::string& name);
  Expr fraction();
  Expr root();
  Expr binomial();
  Expr choose();
  Expr integral();
  Expr repeated(const char* name);
  Expr limit();

  std::vector<Lexeme> tokens_;
  bool real_;
  size_t at_ = 0, depth_ = 0, tries_ = 0;
  bool in_bars_ = false;  // a bar after a factor closes, it opens nothing
  bool first_factor_ = true;
  bool stop_at_differential_ = false;
};

// Lists of lists to one value: one element itself, several a set, lists of several a set of tuples.
Expr set_or_value(const std::vector<Exprs>& lists);

}  // namespace golong::plugins::math

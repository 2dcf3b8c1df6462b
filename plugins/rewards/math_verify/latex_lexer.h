// Splits LaTeX into tokens, longest match first, as the grammar of latex2sympy2_extended does.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "plugins/rewards/math_verify/regex.h"

namespace golong::plugins::math {

enum class Token {
  number,        // 12, 1.5, .5
  e_number,      // 6.1E+6
  percent,       // 12%, 12 \%
  letter,        // a to z, A to Z, without e and E
  euler,         // e
  capital_e,     // E
  differential,  // dx, d x
  greek,         // \alpha, α
  symbol,        // \angle, \hbar, ...
  infinity,
  partial,
  accent,       // \text{abc}, \hat{x}: the whole
  command,      // a function or another command, by name: text is "\sqrt"
  literal_set,  // text is "Reals", ...
  plus,
  minus,
  times,
  divide,
  modulo,
  open_paren,
  close_paren,
  open_brace,
  close_brace,
  open_bracket,
  close_bracket,
  open_visual_brace,
  close_visual_brace,  // \{ \}
  open_visual_paren,
  close_visual_paren,  // \( \)
  open_group,
  close_group,  // \lgroup \rgroup
  bar,
  open_bar,
  close_bar,
  vert,
  norm,
  open_angle,
  close_angle,
  open_floor,
  close_floor,
  open_ceil,
  close_ceil,
  underscore,
  caret,
  comma,
  semicolon,
  colon,
  ampersand,
  row_end,
  assign,
  equal,
  approx,
  unequal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in,
  subset,
  superset,
  set_union,
  intersection,
  set_minus,
  empty_set,
  plus_minus,
  bang,
  prime,
  degree,
  arrow,
  begin_matrix,
  end_matrix,
  begin_array,
  end_array,
  begin_determinant,
  end_determinant,
  end,
};

struct Lexeme {
  Token token;
  std::string text;
};

// The tokens, with Token::end last. nullopt where something is no token: the text then is no LaTeX formula.
std::optional<std::vector<Lexeme>> lex_latex(const std::string& latex);

}  // namespace golong::plugins::math

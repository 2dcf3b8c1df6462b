#include "plugins/rewards/math_verify/latex_lexer.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace golong::plugins::math {
namespace {

using Table = std::unordered_map<std::string_view, Token>;

// Commands that are tokens of their own. Those that are skipped map to Token::end.
const Table& commands() {
  static const Table table = {
      {"\\times", Token::times},
      {"\\cdot", Token::times},
      {"\\div", Token::divide},
      {"\\over", Token::divide},
      {"\\mod", Token::modulo},
      {"\\{", Token::open_visual_brace},
      {"\\}", Token::close_visual_brace},
      {"\\lbrace", Token::open_visual_brace},
      {"\\rbrace", Token::close_visual_brace},
      {"\\(", Token::open_visual_paren},
      {"\\)", Token::close_visual_paren},
      {"\\lgroup", Token::open_group},
      {"\\rgroup", Token::close_group},
      {"\\lbrack", Token::open_bracket},
      {"\\rbrack", Token::close_bracket},
      {"\\lvert", Token::open_bar},
      {"\\rvert", Token::close_bar},
      {"\\vert", Token::vert},
      {"\\|", Token::norm},
      {"\\langle", Token::open_angle},
      {"\\rangle", Token::close_angle},
      {"\\lfloor", Token::open_floor},
      {"\\rfloor", Token::close_floor},
      {"\\llcorner", Token::open_floor},
      {"\\lrcorner", Token::close_floor},
      {"\\lceil", Token::open_ceil},
      {"\\rceil", Token::close_ceil},
      {"\\ulcorner", Token::open_ceil},
      {"\\urcorner", Token::close_ceil},
      {"\\equiv", Token::equal},
      {"\\approx", Token::approx},
      {"\\ne", Token::unequal},
      {"\\neq", Token::unequal},
      {"\\lt", Token::less},
      {"\\le", Token::less_equal},
      {"\\leq", Token::less_equal},
      {"\\leqslant", Token::less_equal},
      {"\\gt", Token::greater},
      {"\\ge", Token::greater_equal},
      {"\\geq", Token::greater_equal},
      {"\\geqslant", Token::greater_equal},
      {"\\in", Token::in},
      {"\\notin", Token::not_in},
      {"\\subseteq", Token::subset},
      {"\\supseteq", Token::superset},
      {"\\cup", Token::set_union},
      {"\\cap", Token::intersection},
      {"\\setminus", Token::set_minus},
      {"\\emptyset", Token::empty_set},
      {"\\pm", Token::plus_minus},
      {"\\mp", Token::plus_minus},
      {"\\to", Token::arrow},
      {"\\rightarrow", Token::arrow},
      {"\\Rightarrow", Token::arrow},
      {"\\longrightarrow", Token::arrow},
      {"\\Longrightarrow", Token::arrow},
      {"\\infty", Token::infinity},
      {"\\partial", Token::partial},
      {"\\exponentialE", Token::euler},
      {"\\\\", Token::row_end},
      {"\\,", Token::end},
      {"\\:", Token::end},
      {"\\;", Token::end},
      {"\\!", Token::end},
      {"\\$", Token::end},
      {"\\thinspace", Token::end},
      {"\\medspace", Token::end},
      {"\\thickspace", Token::end},
      {"\\quad", Token::end},
      {"\\qquad", Token::end},
      {"\\negthinspace", Token::end},
      {"\\negmedspace", Token::end},
      {"\\negthickspace", Token::end},
      {"\\hfil", Token::end},
      {"\\vbox", Token::end},
      {"\\vrule", Token::end},
      {"\\vskip", Token::end},
      {"\\vspace", Token::end},
      {"\\vcenter", Token::end},
  };
  return table;
}

// Commands that the parser knows by their name.
const std::unordered_set<std::string_view>& functions() {
  static const std::unordered_set<std::string_view> names = {
      "\\frac", "\\dfrac",  "\\tfrac",   "\\cfrac",        "\\binom",  "\\dbinom",  "\\tbinom",  "\\choose",
      "\\sqrt", "\\boxed",  "\\phantom", "\\operatorname", "\\lim",    "\\int",     "\\sum",     "\\prod",
      "\\log",  "\\ln",     "\\exp",     "\\sin",          "\\cos",    "\\tan",     "\\csc",     "\\sec",
      "\\cot",  "\\arcsin", "\\arccos",  "\\arctan",       "\\arccsc", "\\arcsec",  "\\arccot",  "\\sinh",
      "\\cosh", "\\tanh",   "\\arsinh",  "\\arcosh",       "\\artanh", "\\arcsinh", "\\arccosh", "\\arctanh",
      "\\gcd",  "\\lcm",    "\\floor",   "\\ceil",         "\\max",    "\\min",     "\\det",
  };
  return names;
}

const std::unordered_set<std::string_view>& greek() {
  static const std::unordered_set<std::string_view> names = {
      "\\alpha",      "\\beta",     "\\gamma",  "\\Gamma",   "\\delta",   "\\Delta",    "\\epsilon",
      "\\varepsilon", "\\zeta",     "\\eta",    "\\theta",   "\\Theta",   "\\vartheta", "\\iota",
      "\\kappa",      "\\lambda",   "\\Lambda", "\\mu",      "\\nu",      "\\xi",       "\\Xi",
      "\\omicron",    "\\pi",       "\\Pi",     "\\varpi",   "\\rho",     "\\varrho",   "\\sigma",
      "\\Sigma",      "\\varsigma", "\\tau",    "\\upsilon", "\\Upsilon", "\\phi",      "\\Phi",
      "\\varphi",     "\\chi",      "\\psi",    "\\Psi",     "\\omega",   "\\Omega",
  };
  return names;
}

const std::unordered_set<std::string_view>& symbols() {
  static const std::unordered_set<std::string_view> names = {
      "\\Im",
      "\\Re",
      "\\wp",
      "\\ell",
      "\\eth",
      "\\mho",
      "\\Bbbk",
      "\\Finv",
      "\\Game",
      "\\flat",
      "\\hbar",
      "\\surd",
      "\\angle",
      "\\imath",
      "\\jmath",
      "\\nabla",
      "\\prime",
      "\\sharp",
      "\\diagup",
      "\\hslash",
      "\\square",
      "\\Diamond",
      "\\bigstar",
      "\\lozenge",
      "\\natural",
      "\\nexists",
      "\\circledS",
      "\\clubsuit",
      "\\diagdown",
      "\\triangle",
      "\\backprime",
      "\\heartsuit",
      "\\spadesuit",
      "\\complement",
      "\\varnothing",
      "\\blacksquare",
      "\\diamondsuit",
      "\\vartriangle",
      "\\blacklozenge",
      "\\triangledown",
      "\\blacktriangle",
      "\\measuredangle",
      "\\sphericalangle",
  };
  return names;
}

const std::unordered_set<std::string_view>& accents() {
  static const std::unordered_set<std::string_view> names = {
      "\\bm",         "\\bar",          "\\dot",          "\\hat",
      "\\vec",        "\\ddot",         "\\mbox",         "\\text",
      "\\acute",      "\\breve",        "\\check",        "\\grave",
      "\\tilde",      "\\mathbb",       "\\mathbf",       "\\mathit",
      "\\mathop",     "\\mathrm",       "\\mathsf",       "\\mathtt",
      "\\textbf",     "\\textit",       "\\mathbin",      "\\mathcal",
      "\\mathord",    "\\mathrel",      "\\mathscr",      "\\mathclap",
      "\\mathfrak",   "\\mathopen",     "\\mathring",     "\\mathrlap",
      "\\overline",   "\\mathclose",    "\\mathinner",    "\\mathpunct",
      "\\widecheck",  "\\widetilde",    "\\boldsymbol",   "\\mathnormal",
      "\\textnormal", "\\mathellipsis", "\\mathsterling", "\\overrightarrow",
  };
  return names;
}

struct Spelled {
  std::string_view text;
  Token token;
};

// Tokens spelled with several characters or with one that is no ASCII; longer ones before their beginnings.
constexpr Spelled kSpelled[] = {
    {"^{\\degree}", Token::degree},
    {"^{\\circle}", Token::degree},
    {"^{\\circ}", Token::degree},
    {"^\\degree", Token::degree},
    {"^\\circle", Token::degree},
    {"^\\circ", Token::degree},
    {"^{\u00B0}", Token::degree},
    {"^\u00B0", Token::degree},
    {"^{T}", Token::prime},
    {"^{\\top}", Token::prime},
    {"^T", Token::prime},
    {"\\not\\equiv", Token::unequal},
    {"\\mathbb{N}", Token::literal_set},
    {"\\mathbb{Z}", Token::literal_set},
    {"\\mathbb{Q}", Token::literal_set},
    {"\\mathbb{R}", Token::literal_set},
    {"\\mathbb{C}", Token::literal_set},
    {"\\{\\}", Token::empty_set},
    {"\\lbrace\\rbrace", Token::empty_set},
    {"!==", Token::unequal},
    {"!=", Token::unequal},
    {"==", Token::equal},
    {"~=", Token::approx},
    {"<=", Token::less_equal},
    {">=", Token::greater_equal},
    {"\u2124", Token::literal_set},
    {"\u2115", Token::literal_set},
    {"\u211A", Token::literal_set},
    {"\u211D", Token::literal_set},
    {"\u2102", Token::literal_set},
    {"\u2214", Token::plus},
    {"\u2295", Token::plus},
    {"\u229E", Token::plus},
    {"\u2212", Token::minus},
    {"\u2238", Token::minus},
    {"\u00D7", Token::times},
    {"\u2217", Token::times},
    {"\u2218", Token::times},
    {"\u2219", Token::times},
    {"\u2297", Token::times},
    {"\u22A0", Token::times},
    {"\u22A1", Token::times},
    {"\u22C4", Token::times},
    {"\u22C5", Token::times},
    {"\u22C6", Token::times},
    {"\u22C8", Token::times},
    {"\u22C9", Token::times},
    {"\u22CA", Token::times},
    {"\u00F7", Token::divide},
    {"\u2215", Token::divide},
    {"\u2243", Token::approx},
    {"\u2245", Token::approx},
    {"\u2248", Token::approx},
    {"\u224A", Token::approx},
    {"\u224B", Token::approx},
    {"\u226A", Token::less},
    {"\u227A", Token::less},
    {"\u22D6", Token::less},
    {"\u2264", Token::less_equal},
    {"\u2266", Token::less_equal},
    {"\u2272", Token::less_equal},
    {"\u227E", Token::less_equal},
    {"\u226B", Token::greater},
    {"\u227B", Token::greater},
    {"\u22D7", Token::greater},
    {"\u2265", Token::greater_equal},
    {"\u2267", Token::greater_equal},
    {"\u2273", Token::greater_equal},
    {"\u227F", Token::greater_equal},
    {"\u2241", Token::unequal},
    {"\u2244", Token::unequal},
    {"\u2247", Token::unequal},
    {"\u2249", Token::unequal},
    {"\u2260", Token::unequal},
    {"\u2262", Token::unequal},
    {"\u224E", Token::assign},
    {"\u2261", Token::assign},
    {"\u222A", Token::set_union},
    {"\u2229", Token::intersection},
    {"\u2216", Token::set_minus},
    {"\u00B1", Token::plus_minus},
    {"\u2213", Token::plus_minus},
    {"\u2205", Token::empty_set},
    {"\u2287", Token::superset},
    {"\u2286", Token::subset},
    {"\u2208", Token::end},
    {"\u2209", Token::not_in},
};

Token single(char c) {
  switch (c) {
    case '+':
      return Token::plus;
    case '-':
      return Token::minus;
    case '*':
      return Token::times;
    case '/':
      return Token::divide;
    case '(':
      return Token::open_paren;
    case ')':
      return Token::close_paren;
    case '{':
      return Token::open_brace;
    case '}':
      return Token::close_brace;
    case '[':
      return Token::open_bracket;
    case ']':
      return Token::close_bracket;
    case '|':
      return Token::bar;
    case '_':
      return Token::underscore;
    case '^':
      return Token::caret;
    case ',':
      return Token::comma;
    case ';':
      return Token::semicolon;
    case ':':
      return Token::colon;
    case '&':
      return Token::ampersand;
    case '=':
      return Token::assign;
    case '<':
      return Token::less;
    case '>':
      return Token::greater;
    case '!':
      return Token::bang;
    case '\'':
      return Token::prime;
    default:
      return Token::end;
  }
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Lexer {
 public:
  explicit Lexer(std::string_view s) : s_(s) {}

  std::optional<std::vector<Lexeme>> run() {
    while (at_ < s_.size()) {
      if (is_space(s_[at_])) {
        ++at_;
      } else if (!number() && !spelled() && !command() && !letter() && !greek_letter() && !one()) {
        return std::nullopt;
      }
    }
    out_.push_back({Token::end, ""});
    return std::move(out_);
  }

 private:
  char look(size_t at) const { return at < s_.size() ? s_[at] : '\0'; }

  void push(Token token, size_t size) {
    out_.push_back({token, std::string(s_.substr(at_, size))});
    at_ += size;
  }

  size_t digits(size_t from) const {
    while (is_digit(look(from))) ++from;
    return from;
  }

  bool number() {
    size_t end = digits(at_);
    if (look(end) == '.' && is_digit(look(end + 1))) end = digits(end + 1);
    if (end == at_) return false;
    if (look(end) == 'E') {
      size_t exponent = end + 1 + (look(end + 1) == '+' || look(end + 1) == '-');
      if (is_digit(look(exponent))) {
        push(Token::e_number, digits(exponent) - at_);
        return true;
      }
    }
    size_t sign = end;
    while (is_space(look(sign))) ++sign;
    size_t width = look(sign) == '%' ? 1 : s_.substr(sign, 2) == "\\%" ? 2 : 0;
    if (width > 0) {
      out_.push_back({Token::percent, std::string(s_.substr(at_, end - at_))});
      at_ = sign + width;
    } else {
      push(Token::number, end - at_);
    }
    return true;
  }

  bool spelled() {
    for (const Spelled& word : kSpelled) {
      if (word.token != Token::end && s_.substr(at_, word.text.size()) == word.text) {
        push(word.token, word.text.size());
        return true;
      }
    }
    return false;
  }

  bool accent(size_t name_end) {
    if (!accents().count(s_.substr(at_, name_end - at_))) return false;
    size_t i = name_end;
    while (is_space(look(i))) ++i;
    if (look(i) != '{') return false;
    for (++i; i < s_.size() && s_[i] != '}'; ++i) {
      if (s_[i] == '{') return false;
      if (s_[i] == '\\' && look(i + 1) == '}') ++i;
    }
    if (i >= s_.size()) return false;
    push(Token::accent, i + 1 - at_);
    return true;
  }

  bool environment(size_t name_end) {
    std::string_view name = s_.substr(at_, name_end - at_);
    bool begins = name == "\\begin";
    if (!begins && name != "\\end") return false;
    size_t close = s_.find('}', name_end);
    if (look(name_end) != '{' || close == s_.npos) return false;
    std::string_view what = s_.substr(name_end + 1, close - name_end - 1);
    ++close;
    if (what == "matrix" || what == "pmatrix" || what == "bmatrix") {
      push(begins ? Token::begin_matrix : Token::end_matrix, close - at_);
    } else if (what == "vmatrix") {
      push(begins ? Token::begin_determinant : Token::end_determinant, close - at_);
    } else if (what == "array") {
      if (begins) {
        if (look(close) != '{') return false;
        for (++close; look(close) == 'c' || look(close) == 'l' || look(close) == 'r'; ++close) {
        }
        if (look(close++) != '}') return false;
      }
      push(begins ? Token::begin_array : Token::end_array, close - at_);
    } else {
      return false;
    }
    return true;
  }

  bool command() {
    if (s_[at_] != '\\') return false;
    size_t end = at_ + 1;
    while (is_letter(look(end))) ++end;
    if (end == at_ + 1) {  // a command of one character
      auto found = commands().find(s_.substr(at_, 2));
      if (found == commands().end()) return false;
      if (found->second == Token::end) {
        at_ += 2;
      } else {
        push(found->second, 2);
      }
      return true;
    }
    if (accent(end) || environment(end)) return true;
    // The longest known name that the letters begin with: \cdotx is \cdot and x.
    for (size_t size = end - at_; size > 1; --size) {
      std::string_view name = s_.substr(at_, size);
      if (auto found = commands().find(name); found != commands().end()) {
        if (found->second == Token::end) {
          at_ += size;
        } else if (found->second == Token::infinity) {
          push(Token::infinity, size);
          if (s_.substr(at_, 2) == "\\%") at_ += 2;
        } else {
          push(found->second, size);
        }
        return true;
      }
      if (functions().count(name)) {
        push(Token::command, size);
        return true;
      }
      if (greek().count(name)) {
        push(Token::greek, size);
        return true;
      }
      if (symbols().count(name)) {
        push(Token::symbol, size);
        return true;
      }
    }
    return false;
  }

  bool letter() {
    char c = s_[at_];
    if (!is_letter(c)) return false;
    if (c == 'd') {
      size_t i = at_ + 1;
      while (is_space(look(i))) ++i;
      size_t end = i;
      if (look(end) == '\\') {
        for (++end; is_letter(look(end)); ++end) {
        }
        if (end == i + 1) end = i;
      } else if (is_letter(look(end))) {
        ++end;
      }
      if (end > i) {
        out_.push_back({Token::differential, std::string(s_.substr(i, end - i))});
        at_ = end;
        return true;
      }
    }
    push(c == 'e' ? Token::euler : c == 'E' ? Token::capital_e : Token::letter, 1);
    return true;
  }

  // Greek letters themselves: two bytes each.
  bool greek_letter() {
    static constexpr std::string_view kLetters[] = {
        "α", "β", "γ", "Γ", "δ", "Δ", "ε", "ϵ", "ζ", "η", "θ", "Θ", "ϑ", "ι", "κ", "λ", "Λ", "μ", "ν", "ξ", "Ξ",
        "ο", "π", "Π", "ϖ", "ρ", "ϱ", "σ", "Σ", "ς", "τ", "υ", "Υ", "φ", "Φ", "ϕ", "χ", "ψ", "Ψ", "ω", "Ω"};
    for (std::string_view letter : kLetters) {
      if (s_.substr(at_, letter.size()) == letter) {
        push(Token::greek, letter.size());
        return true;
      }
    }
    return false;
  }

  bool one() {
    Token token = single(s_[at_]);
    if (token == Token::end) return false;
    push(token, 1);
    return true;
  }

  std::string_view s_;
  size_t at_ = 0;
  std::vector<Lexeme> out_;
};

}  // namespace

std::optional<std::vector<Lexeme>> lex_latex(const std::string& latex) { return Lexer(latex).run(); }

}  // namespace golong::plugins::math

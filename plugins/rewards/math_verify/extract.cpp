#include "plugins/rewards/math_verify/extract.h"

#include <algorithm>
#include <array>
#include <optional>

#include "plugins/common/unicode.h"
#include "plugins/rewards/math_verify/latex_parser.h"
#include "plugins/rewards/math_verify/normalize.h"
#include "plugins/rewards/math_verify/plain_parser.h"
#include "plugins/rewards/math_verify/regex.h"

namespace golong::plugins::math {
namespace {

// ------------------------------------------------------------------------------------------------------- patterns
//
// Groups are numbered as they open. A formula (`formula`) has one group for each way to write it and one for a percent
// sign after it; a plain number or expression (`plain`) has the groups of Plain below, counted from its first.

constexpr int kFormulaWays = 6, kBoxedWays = 5, kMaxJoined = 5;

// One formula in its delimiters: $$, \[, $, \(, bracketed, and a bare fraction.
std::string formula(bool boxed) {
  auto inside = [boxed](const std::string& one) {
    return boxed ? one + "*?\\\\boxed\\{" + one + "+?\\}" + one + "*?" : one + "+?";
  };
  std::string ways = R"((?<!\\)\$\$()" + inside(R"((?:[^$]|\$(?!\$)))") + R"()(?<!\\)\$\$)";
  ways += R"(|(?<!\\)\\\[()" + inside(R"((?:[^\\]|\\(?!\])))") + R"()(?<!\\)\\\])";
  ways += R"(|(?<!\\|\d)\$()" + inside(R"((?:\\[$]|[^\n$]))") + R"()(?<!\\)\$)";
  ways += R"(|(?<!\\)\\\(()" + inside(R"((?:[^\\\n]|\\(?!\))))") + R"()(?<!\\)\\\))";
  ways += R"(|$s\[()" + inside(R"([^\n\]\[])") + R"()\]$s)";
  if (!boxed) ways += R"(|(-?\\frac\{-?\d+(?:[.,]\d+)?\}\{-?\d+(?:[.,]\d+)?\}))";
  return "(?:(?:" + ways + R"()$s*(\\?%|[Pp]ercent|[Pp]ercentage|[Pp]ct)?))";
}

// Up to six formulas joined by "and", "or" or commas.
std::string formulas(bool boxed) {
  std::string joined = formula(boxed);
  for (int i = 0; i < kMaxJoined; ++i) {
    joined += std::string(boxed ? "$s*" : "") + R"((?:$s*(?:,?and|,?or|,)$s*)" + formula(boxed) + ")?";
  }
  return joined;
}

// Groups of `plain`.
enum Plain {
  kExpression,
  kGrouped,
  kGroupedDecimals,
  kInteger,
  kDecimals,
  kOnlyDecimals,
  kDigits,
  kPercent,
  kPlainGroups
};

const std::string kAnchor = R"((?:^|$s|=)(?:\*\*)?)";

std::string plain_expression() {
  const std::string operators = R"(+\-*×/^()÷)";
  const std::string all = R"([\d.$s)" + operators + "]";
  return "(?:" + kAnchor + R"((-?\(?-?\d)" + all + "*[" + operators + "]" + all +
         R"(+\)?)(?:\*\*)?(?:\.|,|:|$s|\)|\$|$)))";
}

std::string plain_number() {
  const std::string currency =
      "[$€£¥₹₽₪₩₫฿₡₢₣₤₥₦₧₨₭₮₯₰₱₲₳₴₵₶₷₸₺₻₼₾₿]";
  return "(?:" + kAnchor + currency +
         R"(?(?<!\d)(?:(-?[1-9]\d{0,2}(?:[ ,]\d{3})+)(\.\d+)?|(-?\d+)([.,]\d+)|(\.\d+)|(-?\d+)))" +
         R"(($s*(?:%|[Pp]ercent|$s*[Pp]ercentage|$s*[Pp]ct))?))";
}

struct Pattern {
  Regex regex;
  enum class What { formula, box, plain, expression, number } what;
  int priority;
  const char* needs;  // lower-cased text that every match holds; "" where there is none
};

const std::vector<Pattern>& patterns() {
  static const std::vector<Pattern> all = [] {
    using What = Pattern::What;
    std::vector<Pattern> list;
    const std::string latex = formulas(false), plain = "(?:" + plain_expression() + "|" + plain_number() + ")";
    const std::string hope = R"(\.?$s?I hope)", answer = "(?i:answer)";
    list.push_back({Regex(R"((?i:final answer is):?$s*)" + latex + hope, true), What::formula, 0, "final answer"});
    list.push_back({Regex(R"((?i:final answer is):?$s*)" + plain + hope), What::plain, 0, "final answer"});
    list.push_back({Regex(R"((?i:final answer.{0,100}?)$s+is:?$s*)" + latex, true), What::formula, 50, "final answer"});
    list.push_back({Regex(formulas(true), true), What::formula, 50, "\\boxed{"});
    list.push_back({Regex(R"((\\boxed\{.+\}))", true), What::box, 50, "\\boxed{"});
    list.push_back({Regex(R"((?i:final answer.{0,100}?)$s+is:?)" + plain), What::plain, 50, "final answer"});
    list.push_back({Regex(answer + ":.{0,50}?" + latex, true), What::formula, 100, "answer:"});
    list.push_back({Regex(answer + ":(?:.{0,100}=$s*|.{0,50}?)" + plain + R"((?!$s*=))"), What::plain, 100, "answer:"});
    list.push_back({Regex(answer + ".{0,50}?" + latex, true), What::formula, 200, "answer"});
    list.push_back({Regex(answer + "(?:.{0,100}=$s*|.{0,50}?)" + plain + R"((?!$s*=))"), What::plain, 200, "answer"});
    list.push_back({Regex(latex, true), What::formula, 300, ""});
    list.push_back({Regex(plain_expression()), What::expression, 300, ""});
    list.push_back({Regex(plain_number()), What::number, 300, ""});
    return list;
  }();
  return all;
}

// ------------------------------------------------------------------------------------------------------- candidates

struct Candidate {
  Expr value;
  std::string text;
};

// A digit that is no ASCII digit stops the published parser altogether.
struct GiveUp {};

bool complex_numbers(const Text& latex) {
  static const Regex signs(
      R"(\\mathbb\{C\}|\\i\b|\bi\b|\\text\{i\}|\\mathrm\{i\}|\\imath\b|\\det|\\operatorname\{tr\}|\\operatorname\{rank\})"
      R"(|\\text\{rank\}|\\arg\{|\\Re\{|\\Im\{|\\operatorname\{Re\}|\\operatorname\{Im\}|\\text\{Re\}|\\text\{Im\})");
  return signs.contains(latex);
}

// Of a chain of more than two equations the last part.
Text last_equation(const Text& latex) {
  if (latex.indexOf(u',') >= 0 || latex.indexOf(u';') >= 0) return latex;
  int parts = 1;
  int32_t last = 0;
  for (int32_t i = 0; i < latex.length(); ++i) {
    if (latex[i] != u'=') continue;
    char16_t before = i > 0 ? latex[i - 1] : u' ';
    if (before == u'\\' || before == u'<' || before == u'!' || before == u'>') continue;
    ++parts;
    last = i + 1;
  }
  return parts > 2 ? Text(latex, last) : latex;
}

Expr parse_formula(const Text& latex) {
  if (Expr e = parse_latex(to_string(latex), !complex_numbers(latex))) return e;
  Text last = last_equation(latex);
  if (last == latex) return nullptr;
  return parse_latex(to_string(last), !complex_numbers(last));
}

// nullptr for a relation, which SymPy refuses to scale: such a match counts as not read.
Expr percent_of(const Expr& e) {
  return e->kind == Kind::relation ? nullptr : make(Kind::multiply, {e, make_number(Rational(1, 100))});
}

Candidate read_formulas(const Text& text, const Match& match, bool boxed, bool plain_box) {
  const int ways = plain_box ? 1 : boxed ? kBoxedWays : kFormulaWays;
  const int count = plain_box ? 1 : 1 + kMaxJoined;
  Exprs values;
  std::vector<std::string> texts;
  bool all = true;
  for (int i = 0; i < count; ++i) {
    int first = 1 + i * (ways + 1);
    for (int way = 0; way < ways; ++way) {
      if (!match.has(first + way)) continue;
      Text latex = normalize_latex(match.text(text, first + way), plain_box ? Boxes::last : Boxes::all);
      texts.push_back(to_string(latex));
      Expr e = parse_formula(latex);
      if (e && !plain_box && match.has(first + ways)) e = percent_of(e);
      all &= e != nullptr;
      values.push_back(e);
      break;
    }
  }
  if (values.empty()) return {};
  if (values.size() == 1 || !all) return {values[0], texts[0]};
  // Several formulas are one set.
  Exprs members;
  std::string joined;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i]->kind == Kind::finite_set) {
      members.insert(members.end(), values[i]->args.begin(), values[i]->args.end());
    } else {
      members.push_back(values[i]);
    }
    joined += (i > 0 ? " and " : "") + texts[i];
  }
  return {make(Kind::finite_set, std::move(members)), joined};
}

Candidate read_number(const Text& text, const Match& match, int first) {
  auto group = [&](int g) { return to_string(match.text(text, first + g)); };
  std::string integer, decimals;
  for (int g : {kGrouped, kInteger, kDigits}) {
    if (integer.empty()) integer = group(g);
  }
  for (int g : {kGroupedDecimals, kDecimals, kOnlyDecimals}) {
    if (decimals.empty()) decimals = group(g);
  }
  std::string digits;
  for (char c : integer) {
    if (c != ',' && c != ' ') digits += c;
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) digits = "0";
  if (!decimals.empty() && decimals[0] == ',') decimals[0] = '.';
  std::string number = digits + decimals;
  Expr e = parse_decimal(number);
  if (!e) throw GiveUp{};
  if (match.has(first + kPercent)) e = percent_of(e);
  return {e, number};
}

Candidate read_plain(const Text& text, const Match& match, Pattern::What what) {
  if (what == Pattern::What::number) return read_number(text, match, 0);  // its groups begin with number 1
  bool expression = match.has(1);
  if (!expression) return read_number(text, match, 1);
  std::string found = to_string(match.text(text, 1));
  return {parse_plain(found), found};
}

Candidate read(const Text& text, const Match& match, const Pattern& pattern) {
  switch (pattern.what) {
    case Pattern::What::formula:
      return read_formulas(text, match, std::string_view(pattern.needs) == "\\boxed{", false);
    case Pattern::What::box:
      return read_formulas(text, match, true, true);
    default:
      return read_plain(text, match, pattern.what);
  }
}

}  // namespace

Extracted extract_answer(std::string_view utf8) {
  const Text text = from_utf8(utf8);
  const std::string lowered = lower(utf8);
  Extracted result;
  const std::vector<Pattern>& all = patterns();
  try {
    for (size_t first = 0, next; first < all.size(); first = next) {
      struct Found {
        Match match;
        const Pattern* pattern;
      };
      std::vector<Found> found;
      for (next = first; next < all.size() && all[next].priority == all[first].priority; ++next) {
        if (lowered.find(all[next].needs) == lowered.npos) continue;
        for (Match& match : all[next].regex.find_all(text)) found.push_back({std::move(match), &all[next]});
      }
      // Those that end last come first, of these those that start first.
      std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
        return a.match.end != b.match.end ? a.match.end > b.match.end : a.match.start < b.match.start;
      });
      for (const Found& one : found) {
        Candidate candidate = read(text, one.match, *one.pattern);
        if (result.first.empty()) result.first = candidate.text;
        if (candidate.value) {
          result.value = candidate.value;
          return result;
        }
      }
    }
  } catch (const GiveUp&) {
    return {};
  } catch (const RegexLimit&) {
    return {};
  }
  return result;
}

}  // namespace golong::plugins::math

#include "plugins/rewards/math_verify/normalize.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>

#include "plugins/common/unicode.h"
#include "plugins/rewards/math_verify/units.h"

namespace golong::plugins::math {
namespace {

Text literal(const char* s) { return from_utf8(s); }

Text strip_text(const Text& s) {
  int32_t from = 0, to = s.length();
  while (from < to && is_space(s.char32At(from))) ++from;
  while (to > from && is_space(s.char32At(to - 1))) --to;
  return Text(s, from, to - from);
}

Text left_strip(const Text& s) {
  int32_t from = 0;
  while (from < s.length() && is_space(s.char32At(from))) ++from;
  return Text(s, from);
}

std::vector<Text> split_at(const Text& s, const char* separator) {
  std::vector<Text> parts;
  Text what = literal(separator);
  int32_t from = 0;
  for (int32_t at; (at = s.indexOf(what, from)) >= 0; from = at + what.length()) {
    parts.emplace_back(s, from, at - from);
  }
  parts.emplace_back(s, from);
  return parts;
}

void replace_literal(Text& s, const char* from, const char* to) { s.findAndReplace(literal(from), literal(to)); }

// Position of the brace that closes the one at `open`, -1 where none does before `limit`.
int32_t closing_brace(const Text& s, int32_t open, int32_t limit) {
  int depth = 1;
  for (int32_t i = open + 1; i < limit; ++i) {
    if (s[i] == u'{') ++depth;
    if (s[i] == u'}' && --depth == 0) return i;
  }
  return -1;
}

// Do two boxes belong to one answer? `between` stands between them.
bool belong_together(const Text& box, const Text& next, const Text& between) {
  int32_t distance = between.countChar32();
  if (distance < 10) return true;
  static const Regex separator("and|or|,|;");
  return next != box && distance < 70 && separator.contains(between);
}

}  // namespace

Text box_content(const Text& text, Boxes boxes) {
  std::vector<Text> found;
  int32_t limit = text.length(), search = limit, last_start = -1;
  while (true) {
    int32_t boxed = text.lastIndexOf(literal("\\boxed"), 0, search),
            framed = text.lastIndexOf(literal("\\fbox"), 0, search);
    if (boxed < 0 && framed < 0) break;
    int32_t start = std::max(boxed, framed);
    int32_t open = start + (boxed > framed ? 6 : 5);
    while (open < limit && is_space(text.char32At(open))) ++open;
    if (open >= limit) break;
    int32_t close = text[open] == u'{' ? closing_brace(text, open, limit) : -1;
    if (close < 0) {
      // Without braces, or never closed: the rest of the text, where it is the last box.
      if (found.empty()) found.emplace_back(text, open);
      break;
    }
    Text content = strip_text(Text(text, open + 1, close - open - 1));
    if (boxes == Boxes::last && last_start >= 0 &&
        !belong_together(content, found.empty() ? Text() : found.back(),
                         Text(text, close + 1, last_start - close - 1))) {
      break;
    }
    found.push_back(content);
    last_start = limit = search = start;
  }
  if (found.empty()) return text;
  Text joined;
  for (auto box = found.rbegin(); box != found.rend(); ++box) {
    if (box != found.rbegin()) joined.append(u',');
    joined.append(*box);
  }
  return joined;
}

namespace {

// Spellings that are replaced in one pass from left to right; of those that fit at a place the first wins.
struct Spelling {
  const char* pattern;
  const char* with;
};
constexpr Spelling kSpellings[] = {
    {R"(\\math(?:rm|it|bf))", R"(\text)"},
    {R"(\\text(?:normal|bf|it|rm))", R"(\text)"},
    {R"(\\(?:d|t|c)frac)", R"(\frac)"},
    {R"($s\.)", " 0."},
    {R"(\{\.)", "{0."},
    {R"(~=)", R"(\approx)"},
    {R"($s*\{$s*,$s*\})", ","},
    {R"((?<![a-zA-Z]),?$s*(?:and|or)(?![a-zA-Z]))", ","},
    {R"(,?$s*\\text\{$s*(?:and|or)$s*\})", ","},
    {R"((?<!\\)\\$s)", " "},
    {R"(infinity)", R"(\infty)"},
    {R"(,?\\ldots)", " "},
    {R"($s*percentage)", R"(\%)"},
    {R"(\\text\{percentage\})", R"(\%)"},
    {R"($s*percent)", R"(\%)"},
    {R"(\\text\{percent\})", R"(\%)"},
    {R"($s*pct)", R"(\%)"},
    {R"(\\text\{pct\})", R"(\%)"},
    {R"((?<!\\)inf(?!inity))", R"(\infty)"},
    {R"( sqrt)", R"(\sqrt)"},
};

Text replace_spellings(const Text& text) {
  static const Regex all([] {
    std::string pattern;
    for (const Spelling& s : kSpellings) pattern += (pattern.empty() ? "(" : "|(") + std::string(s.pattern) + ")";
    return pattern;
  }());
  return all.replace(text, [](const Match& match) {
    for (size_t i = 0; i < std::size(kSpellings); ++i) {
      if (match.has(static_cast<int>(i) + 1)) return literal(kSpellings[i].with);
    }
    return Text();
  });
}

Text clean_latex(Text text) {
  static const Regex left(
      R"(\\m?left(\\\{|\{|\\\||\||\[|\(|\\rbracl|\\lgroup|\\lbrace|\\lbrack|\\vert|\\lvert|\\lceil|\\lfloor|\\langle|\\llcorner|\\ulcorner))");
  static const Regex right(
      R"(\\m?right(\\\}|\}|\\\||\||\]|\)|\\rbrack|\\rgroup|\\rbrace|\\vert|\\rvert|\\rceil|\\rfloor|\\rangle|\\lrcorner|\\urcorner))");
  static const Regex permutation(R"(\(([a-zA-Z0-9+\-*/\\ ]+?)\)_\{([a-zA-Z0-9+\-*/\\ ]+?)\})");
  static const Regex decoration(R"(\\mathrm\{th\}|\\!$s*|\\text$s*\{$s*\}|\\\$|\$|(?<!\\)["']|\\displaystyle)");
  static const Regex doubled(R"(\\\\(?=[a-zA-Z]))");
  replace_literal(text, R"(\mathrm{T})", "T");
  replace_literal(text, R"(\mathrm{d})", "d");
  replace_literal(text, R"({\rm d})", "d");
  replace_literal(text, R"(\left[\begin{matrix})", R"(\begin{bmatrix})");
  replace_literal(text, R"(\end{matrix}\right])", R"(\end{bmatrix})");
  text = left.replace(text, [&](const Match& m) { return m.text(text, 1); });
  text = right.replace(text, [&](const Match& m) { return m.text(text, 1); });
  text = permutation.replace(text, [&](const Match& m) {
    Text n = m.text(text, 1), k = m.text(text, 2);
    return literal("\\frac{(") + n + literal(")!}{((") + n + literal(")-(") + k + literal("))!}");
  });
  text = decoration.replace(text, Text());
  text = replace_spellings(text);
  text.findAndReplace(Text(u'\n'), Text(u' '));
  text.findAndReplace(Text(u'\t'), Text(u' '));
  if (text.indexOf(literal("matrix")) < 0) text = doubled.replace(text, Text(u'\\'));
  return text;
}

// A \text{...} at the end, perhaps with a small power, and words for units after a number are dropped.
Text drop_units(Text text) {
  static const Regex suffix(R"((?:\\(?:text|mbox)\{.*?\})(?:\^\d|\{\^\d\})?$)");
  static const Regex units(R"((\d|\}|$s)$s*(?:)" + unit_pattern() + R"()(?:s|es)?$s*$)");
  Text without = strip_text(suffix.replace(text, Text()));
  if (!without.isEmpty()) text = without;
  for (int i = 0; i < 2; ++i) {
    without = units.replace(text, [&](const Match& m) { return m.text(text, 1); });
    if (!without.isEmpty()) text = without;
  }
  return text;
}

Text fix_roots(const Text& text) {
  std::vector<Text> parts = split_at(text, "\\sqrt");
  Text out = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    Text part = left_strip(parts[i]);
    out += literal("\\sqrt");
    if (!part.isEmpty() && part[0] != u'{' && part[0] != u'[') {
      int32_t one = part.moveIndex32(0, 1);
      out += literal("{") + Text(part, 0, one) + literal("}") + Text(part, one);
    } else {
      out += part;
    }
  }
  return out;
}

Text fix_fractions(const Text& text) {
  std::vector<Text> parts = split_at(text, "\\frac");
  Text out = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    Text part = left_strip(parts[i]);
    out += literal("\\frac");
    if (!part.isEmpty() && part[0] == u'{') {
      out += part;
      continue;
    }
    if (part.countChar32() < 2) return text;
    int32_t one = part.moveIndex32(0, 1), two = part.moveIndex32(0, 2);
    Text a(part, 0, one), b(part, one, two - one), rest(part, two);
    out += literal("{") + a + literal("}");
    out += b == Text(u'{') ? b : literal("{") + b + literal("}");
    out += rest;
  }
  return out;
}

// "a/b" of two plain integers.
Text fix_slash(const Text& text) {
  static const Regex ratio(R"(^(0|-?[1-9][0-9]*)/(0|-?[1-9][0-9]*)\z)");
  return ratio.replace(text, [&](const Match& m) {
    return literal("\\frac{") + m.text(text, 1) + literal("}{") + m.text(text, 2) + literal("}");
  });
}

Text fix_operators(Text text) {
  struct Repair {
    Regex find;
    std::array<const char*, 3> with;  // around the first and the second group
  };
  static const std::vector<Repair> repairs = [] {
    std::vector<Repair> list;
    list.push_back({Regex(R"(\^$s?\((.*?)\))"), {"^{", "}", nullptr}});
    list.push_back({Regex(R"(sqrt$s?\((.*?)\))"), {"\\sqrt{", "}", nullptr}});
    list.push_back({Regex(R"(\\frac$s?(\d)$s?(\d+))"), {"\\frac{", "}{", "}"}});
    list.push_back({Regex(R"(\\log_$s?(\d)$s?(\d+))"), {"\\log_{", "}{", "}"}});
    list.push_back({Regex(R"(\\frac$s?\{(.*?)\}$s?(\d))"), {"\\frac{", "}{", "}"}});
    list.push_back({Regex(R"(\\frac$s?(\d)$s?\{(.*?)\})"), {"\\frac{", "}{", "}"}});
    list.push_back({Regex(R"(\\sqrt$s?(\d))"), {"\\sqrt{", "}", nullptr}});
    return list;
  }();
  for (const Repair& repair : repairs) {
    text = repair.find.replace(text, [&](const Match& m) {
      Text out = literal(repair.with[0]) + m.text(text, 1) + literal(repair.with[1]);
      if (repair.with[2] != nullptr) out += m.text(text, 2) + literal(repair.with[2]);
      return out;
    });
  }
  replace_literal(text, " sqrt", "\\sqrt");
  return fix_slash(fix_fractions(fix_roots(text)));
}

}  // namespace

Text normalize_latex(const Text& latex, Boxes boxes) {
  Text text = drop_units(clean_latex(box_content(latex, boxes)));
  if (!text.isEmpty() && text[0] == u'.') text = Text(u'0') + text;
  if (text == literal("0.5")) text = literal("\\frac{1}{2}");
  return strip_text(fix_operators(text));
}

}  // namespace golong::plugins::math

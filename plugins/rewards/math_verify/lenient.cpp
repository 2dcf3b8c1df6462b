#include "plugins/rewards/math_verify/lenient.h"

#include <unicode/uchar.h>

#include <algorithm>

#include "plugins/common/unicode.h"
#include "plugins/rewards/math_verify/regex.h"

namespace golong::plugins::math {
namespace {

Text literal(const char* s) { return from_utf8(s); }

// Digits of all scripts and full-width signs become ASCII, superscripts powers.
std::string plain_signs(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    char32_t c = next_code_point(text, at);
    int32_t digit = u_charDigitValue(static_cast<UChar32>(c));
    bool superscript = c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0x2070 && c <= 0x2079);
    if (superscript) {
      out += "^{" + std::to_string(c == 0xB2 ? 2 : c == 0xB3 ? 3 : c == 0xB9 ? 1 : static_cast<int>(c - 0x2070)) + "}";
    } else if (digit >= 0 && c > 0x7F) {
      out += static_cast<char>('0' + digit);
    } else if (c >= 0xFF01 && c <= 0xFF5E) {
      out += static_cast<char>(c - 0xFF01 + 0x21);
    } else if (c == 0x2212) {
      out += '-';
    } else if (c == 0xA0 || c == 0x2009 || c == 0x202F) {
      out += ' ';
    } else {
      append_utf8(out, c);
    }
  }
  return out;
}

// 0.1\overline{6}, 0.\dot{3}, 0.(3) as fractions.
Text repeating(const Text& text) {
  static const Regex pattern(
      R"((?<![\d.])(\d{1,30})\.(\d{0,30})(?:\\(?:overline|bar|dot)\s*\{(\d{1,30})\}|\((\d{1,30})\)))");
  return pattern.replace(text, [&](const Match& m) {
    std::string whole = to_string(m.text(text, 1)), fixed = to_string(m.text(text, 2));
    std::string period = to_string(m.text(text, m.has(3) ? 3 : 4));
    // w.f(p) = (wfp - wf) / (99..9 00..0)
    auto minus = [](std::string a, const std::string& b) {
      std::string padded = std::string(a.size() - b.size(), '0') + b;
      int borrow = 0;
      for (size_t i = a.size(); i-- > 0;) {
        int d = a[i] - padded[i] - borrow;
        borrow = d < 0;
        a[i] = static_cast<char>('0' + (d + 10) % 10);
      }
      return a;
    };
    std::string numerator = minus(whole + fixed + period, whole + fixed);
    std::string denominator = std::string(period.size(), '9') + std::string(fixed.size(), '0');
    return literal(("\\frac{" + numerator + "}{" + denominator + "}").c_str());
  });
}

Text thousands(Text text) {
  static const Regex spaced(R"((?<![\d.,])(\d{1,3})((?:(?:(?:\\[,!;: ]\s*)+|\{,\}|\\!\{,\}| )\d{3})+)(?![\d]))");
  static const Regex separators(R"([^\d])");
  return spaced.replace(text,
                        [&](const Match& m) { return m.text(text, 1) + separators.replace(m.text(text, 2), Text()); });
}

// 1e6 and 3E-5, where no other letter is near.
Text scientific(const Text& text) {
  static const Regex pattern(R"((?<![A-Za-z\\\d.])(\d+(?:\.\d+)?)[eE]([+-]?)(\d{1,4})(?![\dA-Za-z]))");
  return pattern.replace(text, [&](const Match& m) {
    Text sign = m.text(text, 2) == Text(u'-') ? Text(u'-') : Text();
    return m.text(text, 1) + literal("\\times 10^{") + sign + m.text(text, 3) + literal("}");
  });
}

// Currency before and counting words after a number; 万 and 亿 multiply.
Text labels(Text text) {
  static const Regex currency(
      R"((?:US|HK)?[€£¥￥₹₽₩₫฿]\s*(?=[\d.-])|(?<=\d)\s*[€£¥￥₹₽₩₫฿])");
  static const Regex counted(
      R"((?<=\d)\s*(万|亿)?(?:人民币|美元|欧元|英镑|日元|港元|元|年|月|日|人|个|次|件|条|项|天|小时|分钟|秒|吨|公里|千米|米|平方米|份|名|家|种|户|台|套|页|章|岁)(?![\p{sc:Han}\d])|(?<=\d)\s*(万|亿)(?![\p{sc:Han}\d]))");
  text = currency.replace(text, Text());
  return counted.replace(text, [&](const Match& m) {
    Text scale = m.text(text, m.has(1) ? 1 : 2);
    if (scale == literal("万")) return literal("\\times 10^{4}");
    if (scale == literal("亿")) return literal("\\times 10^{8}");
    return Text();
  });
}

// --------------------------------------------------------------------------------------------------------- boxes

struct Box {
  int32_t start, end;  // of the whole command
  Text content;
};

std::vector<Box> boxes(const Text& text) {
  static const Regex command(R"(\\(?:boxed|fbox)(?![A-Za-z]))");
  std::vector<Box> found;
  for (const Match& m : command.find_all(text)) {
    if (!found.empty() && m.start < found.back().end) continue;  // inside another
    int32_t at = m.end;
    while (at < text.length() && is_space(text.char32At(at))) ++at;
    if (at >= text.length()) break;
    int32_t end;
    Text content;
    if (text[at] == u'{') {
      int depth = 0;
      for (end = at; end < text.length(); ++end) {
        if (text[end] == u'{') ++depth;
        if (text[end] == u'}' && --depth == 0) break;
      }
      if (end == text.length()) {  // never closed: to the end of the line, without what closes the formula
        end = text.indexOf(u'\n', at);
        if (end < 0) end = text.length();
        while (end > at + 1 && (text[end - 1] == u'$' || text[end - 1] == u'.' || text[end - 1] == u' ')) --end;
        content = Text(text, at + 1, end - at - 1);
      } else {
        content = Text(text, at + 1, end - at - 1);
        ++end;
      }
    } else {
      for (end = at; end < text.length() && !is_space(text.char32At(end)) && text[end] != u'$'; ++end) {
      }
      content = Text(text, at, end - at);
    }
    found.push_back({m.start, end, content});
  }
  return found;
}

// The last box, with those before it that only joining words part from it, written as one plain box at the end.
Text last_boxes(const Text& text, bool with_percent) {
  static const Regex joining(
      R"(^[\s$]*(?:\\[\])])?[\s$]*(?:,|;|、|，|；|,?\s*(?:and|or)|和|或|以及)?[\s$]*(?:\\[\[(])?[\s$]*$)");
  static const Regex percent(R"(^(?:\\[\])]|[\s$*])*(?:\\?%|percent(?:age points?)?\b))");
  std::vector<Box> all = boxes(text);
  // An announcement after the last box takes precedence.
  static const Regex announced("(?i:final answer is)");
  if (all.empty() || announced.contains(Text(text, all.back().end))) return text;
  Text joined;
  for (size_t i = all.size(); i-- > 0;) {
    Text content = all[i].content;
    Text after = Text(text, all[i].end);
    if (with_percent && percent.contains(after) && content.indexOf(u'%') < 0) content += literal("\\%");
    joined = joined.isEmpty() ? content : content + Text(u',') + joined;
    if (i == 0 || !joining.contains(Text(text, all[i - 1].end, all[i].start - all[i - 1].end))) break;
  }
  return literal("\\boxed{") + joined + literal("}");
}

Text percent_words(const Text& text) {
  static const Regex pattern(R"((?<=\d)\s*\\text(?:rm)?\{\s*(?:percent|percentage points?|pct)\s*\})");
  return pattern.replace(text, literal("\\%"));
}

}  // namespace

std::string lenient(std::string_view utf8, bool percent) {
  Text text = from_utf8(plain_signs(utf8));
  try {
    text = last_boxes(text, percent);
    if (percent) text = percent_words(text);
    text = thousands(labels(text));
    text = repeating(scientific(text));
  } catch (const RegexLimit&) {
    return std::string(utf8);
  }
  return to_string(text);
}

}  // namespace golong::plugins::math

#include "plugins/rewards/math_verify/regex.h"

#include "plugins/common/unicode.h"

namespace golong::plugins::math {
namespace {

constexpr int32_t kMaxSteps = 3000;  // of ICU's time limit: about a millisecond each
constexpr int32_t kMaxStackBytes = 4 << 20;

void check(UErrorCode status) {
  if (U_SUCCESS(status)) return;
  if (status == U_REGEX_TIME_OUT || status == U_REGEX_STACK_OVERFLOW) {
    throw RegexLimit(std::string("a regular expression took too long: ") + u_errorName(status));
  }
  throw std::logic_error(std::string("ICU regular expression: ") + u_errorName(status));
}

}  // namespace

Text Match::text(const Text& subject, int group) const {
  auto [from, to] = groups[static_cast<size_t>(group)];
  return from < 0 ? Text() : Text(subject, from, to - from);
}

Regex::Regex(const std::string& pattern, bool dot_matches_newline) {
  std::string expanded = replace_all(pattern, "$s",
                                     "[\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}"
                                     "\\x{2029}\\x{202f}\\x{205f}\\x{3000}]");
  UParseError where;
  UErrorCode status = U_ZERO_ERROR;
  uint32_t flags =
      static_cast<uint32_t>(UREGEX_UNIX_LINES) | (dot_matches_newline ? static_cast<uint32_t>(UREGEX_DOTALL) : 0U);
  pattern_.reset(icu::RegexPattern::compile(from_utf8(expanded), flags, where, status));
  if (U_FAILURE(status)) throw std::logic_error("bad pattern " + pattern + ": " + u_errorName(status));
}

std::unique_ptr<icu::RegexMatcher> Regex::matcher(const Text& subject) const {
  UErrorCode status = U_ZERO_ERROR;
  std::unique_ptr<icu::RegexMatcher> matcher(pattern_->matcher(subject, status));
  check(status);
  matcher->setTimeLimit(kMaxSteps, status);
  matcher->setStackLimit(kMaxStackBytes, status);
  check(status);
  return matcher;
}

std::vector<Match> Regex::find_all(const Text& subject) const {
  std::vector<Match> matches;
  auto m = matcher(subject);
  UErrorCode status = U_ZERO_ERROR;
  while (m->find(status)) {
    Match match;
    for (int32_t g = 0; g <= m->groupCount(); ++g) match.groups.emplace_back(m->start(g, status), m->end(g, status));
    match.start = match.groups[0].first;
    match.end = match.groups[0].second;
    matches.push_back(std::move(match));
  }
  check(status);
  return matches;
}

bool Regex::contains(const Text& subject) const {
  UErrorCode status = U_ZERO_ERROR;
  auto m = matcher(subject);
  bool found = m->find(status);
  check(status);
  return found;
}

Text Regex::replace(const Text& subject, const std::function<Text(const Match&)>& with) const {
  std::vector<Match> matches = find_all(subject);
  if (matches.empty()) return subject;
  Text out;
  int32_t from = 0;
  for (const Match& match : matches) {
    out.append(subject, from, match.start - from);
    out.append(with(match));
    from = match.end;
  }
  out.append(subject, from, subject.length() - from);
  return out;
}

Text Regex::replace(const Text& subject, const Text& with) const {
  return replace(subject, [&](const Match&) { return with; });
}

Text from_utf8(std::string_view s) {
  return Text::fromUTF8(icu::StringPiece(s.data(), static_cast<int32_t>(s.size())));
}

std::string to_string(const Text& s) {
  std::string out;
  s.toUTF8String(out);
  return out;
}

}  // namespace golong::plugins::math

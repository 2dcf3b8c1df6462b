// Regular expressions with Python's meaning, over ICU: "." and "$" know "\n" alone, \d is any Unicode digit, and $s in
// a pattern stands for Python's \s. Matching is bounded in time and stack, so that no text can hang it.
#pragma once
#include <unicode/regex.h>
#include <unicode/unistr.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace golong::plugins::math {

using Text = icu::UnicodeString;

// A match took longer than the published code would wait, or too much stack.
struct RegexLimit : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Match {
  int32_t start = 0, end = 0;
  // Of each group, 0 the whole: start and end, -1 where it took no part.
  std::vector<std::pair<int32_t, int32_t>> groups;
  bool has(int group) const { return groups[static_cast<size_t>(group)].first >= 0; }
  Text text(const Text& subject, int group) const;
};

class Regex {
 public:
  // `pattern` is UTF-8. REQUIRES: it is a regular expression (throws std::logic_error: a fault of the program).
  explicit Regex(const std::string& pattern, bool dot_matches_newline = false);

  // All matches from left to right that do not overlap. Throws RegexLimit.
  std::vector<Match> find_all(const Text& subject) const;
  bool contains(const Text& subject) const;

  // Each match replaced by what `with` makes of it.
  Text replace(const Text& subject, const std::function<Text(const Match&)>& with) const;
  Text replace(const Text& subject, const Text& with) const;

 private:
  std::unique_ptr<icu::RegexMatcher> matcher(const Text& subject) const;
  std::unique_ptr<icu::RegexPattern> pattern_;
};

Text from_utf8(std::string_view s);
std::string to_string(const Text& s);

}  // namespace golong::plugins::math

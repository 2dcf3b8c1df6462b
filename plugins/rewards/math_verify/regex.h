// Regular expressions with Python's meaning, over PCRE2: "." and "$" know "\n" alone, \d is any Unicode digit, and $s
// in a pattern stands for Python's \s, inside a class too. Compiled to machine code, where the processor is known to
// PCRE2: five to twenty times as fast as ICU's interpreter. Matching is bounded in steps and stack: no text can hang
// it.
#pragma once
#include <unicode/unistr.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct pcre2_real_code_16;

namespace golong::plugins::math {

using Text = icu::UnicodeString;  // well-formed: made by from_utf8 and cut between code points

// A match took more steps than the published code could make in the time that it waits, or too much stack.
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
  ~Regex();
  Regex(Regex&&) noexcept = default;

  // All matches from left to right that do not overlap. Throws RegexLimit.
  std::vector<Match> find_all(const Text& subject) const;
  bool contains(const Text& subject) const;

  // Each match replaced by what `with` makes of it.
  Text replace(const Text& subject, const std::function<Text(const Match&)>& with) const;
  Text replace(const Text& subject, const Text& with) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_16* code) const;
  };
  // The first match from `from` on; false where there is none. Throws RegexLimit.
  bool find(const Text& subject, int32_t from, Match& match) const;

  std::unique_ptr<pcre2_real_code_16, Free> code_;
};

Text from_utf8(std::string_view s);
std::string to_string(const Text& s);

}  // namespace golong::plugins::math

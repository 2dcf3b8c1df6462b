#include "plugins/rewards/math_verify/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 16
#include <pcre2.h>

#include <new>

#include "plugins/common/unicode.h"

namespace golong::plugins::math {
namespace {

constexpr uint32_t kMaxSteps = 100'000'000;  // a second or two
constexpr size_t kFirstStackBytes = 64U << 10, kMaxStackBytes = 4U << 20;

// What Python's \s matches, as the inside of a class.
constexpr const char* kSpaces =
    "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"
    "\\x{3000}";

// "$s" as a class of its own, or within the class that it stands in.
std::string with_spaces(const std::string& pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern.compare(i, 2, "$s") == 0) {
      out += in_class ? kSpaces : "[" + std::string(kSpaces) + "]";
      ++i;
      continue;
    }
    in_class = in_class ? pattern[i] != ']' : pattern[i] == '[';
    out += pattern[i];
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      out += pattern[++i];
    }
  }
  return out;
}

PCRE2_SPTR16 units(const Text& text) { return reinterpret_cast<PCRE2_SPTR16>(text.getBuffer()); }

// What a thread needs to match; made once.
struct Workspace {
  std::unique_ptr<pcre2_match_context_16, decltype(&pcre2_match_context_free_16)> context;
  std::unique_ptr<pcre2_jit_stack_16, decltype(&pcre2_jit_stack_free_16)> stack;
  std::unique_ptr<pcre2_match_data_16, decltype(&pcre2_match_data_free_16)> data;

  Workspace()
      : context(pcre2_match_context_create_16(nullptr), &pcre2_match_context_free_16),
        stack(pcre2_jit_stack_create_16(kFirstStackBytes, kMaxStackBytes, nullptr), &pcre2_jit_stack_free_16),
        data(pcre2_match_data_create_16(kMaxGroups, nullptr), &pcre2_match_data_free_16) {
    if (!context || !stack || !data) throw std::bad_alloc();
    pcre2_set_match_limit_16(context.get(), kMaxSteps);
    pcre2_set_heap_limit_16(context.get(), kMaxStackBytes >> 10);
    pcre2_jit_stack_assign_16(context.get(), nullptr, stack.get());
  }

  static constexpr uint32_t kMaxGroups = 64;
};

Workspace& workspace() {
  static thread_local Workspace mine;
  return mine;
}

}  // namespace

Text Match::text(const Text& subject, int group) const {
  auto [from, to] = groups[static_cast<size_t>(group)];
  return from < 0 ? Text() : Text(subject, from, to - from);
}

void Regex::Free::operator()(pcre2_real_code_16* code) const { pcre2_code_free_16(code); }

Regex::~Regex() = default;

Regex::Regex(const std::string& pattern, bool dot_matches_newline) {
  const Text expanded = from_utf8(with_spaces(pattern));
  const std::unique_ptr<pcre2_compile_context_16, decltype(&pcre2_compile_context_free_16)> context(
      pcre2_compile_context_create_16(nullptr), &pcre2_compile_context_free_16);
  pcre2_set_newline_16(context.get(), PCRE2_NEWLINE_LF);
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | (dot_matches_newline ? PCRE2_DOTALL : 0);
  int error = 0;
  size_t at = 0;
  code_.reset(
      pcre2_compile_16(units(expanded), static_cast<size_t>(expanded.length()), options, &error, &at, context.get()));
  if (!code_) {
    throw std::logic_error("bad pattern " + pattern + ": PCRE2 error " + std::to_string(error) + " at " +
                           std::to_string(at));
  }
  // Where there is no compiler for this processor, or no memory may be executed, PCRE2 interprets: slower, the same.
  pcre2_jit_compile_16(code_.get(), PCRE2_JIT_COMPLETE);
}

bool Regex::find(const Text& subject, int32_t from, Match& match) const {
  Workspace& mine = workspace();
  const int count = pcre2_match_16(code_.get(), units(subject), static_cast<size_t>(subject.length()),
                                   static_cast<size_t>(from), PCRE2_NO_UTF_CHECK, mine.data.get(), mine.context.get());
  if (count == PCRE2_ERROR_NOMATCH) return false;
  if (count == PCRE2_ERROR_MATCHLIMIT || count == PCRE2_ERROR_JIT_STACKLIMIT || count == PCRE2_ERROR_HEAPLIMIT ||
      count == PCRE2_ERROR_DEPTHLIMIT) {
    throw RegexLimit("a regular expression took too long: PCRE2 error " + std::to_string(count));
  }
  if (count <= 0) throw std::logic_error("regular expression: PCRE2 error " + std::to_string(count));
  uint32_t groups = 0;
  pcre2_pattern_info_16(code_.get(), PCRE2_INFO_CAPTURECOUNT, &groups);
  const size_t* places = pcre2_get_ovector_pointer_16(mine.data.get());
  match.groups.resize(groups + 1);
  for (size_t g = 0; g <= groups; ++g) {
    const bool took_part = g < static_cast<size_t>(count) && places[2 * g] != PCRE2_UNSET;
    match.groups[g] = took_part
                          ? std::pair(static_cast<int32_t>(places[2 * g]), static_cast<int32_t>(places[2 * g + 1]))
                          : std::pair(-1, -1);
  }
  match.start = match.groups[0].first;
  match.end = match.groups[0].second;
  return true;
}

std::vector<Match> Regex::find_all(const Text& subject) const {
  std::vector<Match> matches;
  Match match;
  for (int32_t from = 0; from <= subject.length() && find(subject, from, match);) {
    from = match.end > match.start ? match.end : subject.moveIndex32(match.end, 1);
    if (match.end == match.start && match.end == subject.length()) from = subject.length() + 1;
    matches.push_back(std::move(match));
  }
  return matches;
}

bool Regex::contains(const Text& subject) const {
  Match match;
  return find(subject, 0, match);
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

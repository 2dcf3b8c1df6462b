#include "core/text/fast_split.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstdint>
#include <string>
#include <vector>

namespace golong {
namespace {

enum Class : uint8_t { other, letter, number, space, line_end };  // line_end: \r and \n, which are spaces as well

Class look_up(UChar32 c) {
  if (c == '\r' || c == '\n') return line_end;
  if (u_isUWhiteSpace(c)) return space;
  const uint32_t mask = U_GET_GC_MASK(c);
  return mask & U_GC_L_MASK ? letter : mask & U_GC_N_MASK ? number : other;
}

constexpr UChar32 table_size = 0x10000;

const std::vector<Class>& table() {
  static const std::vector<Class> classes = [] {
    std::vector<Class> all(table_size);
    for (UChar32 c = 0; c < table_size; ++c) all[static_cast<size_t>(c)] = look_up(c);
    return all;
  }();
  return classes;
}

bool is_space(Class c) { return c == space || c == line_end; }

// Goes over a text; each function finds where a word of its alternative ends that starts at `begin`, `begin` itself
// where there is none.
class Scanner {
 public:
  explicit Scanner(std::string_view text)
      : text_(text), bytes_(reinterpret_cast<const uint8_t*>(text.data())), classes_(table().data()) {}

  size_t word(size_t begin, size_t digits) const {
    size_t after;
    const Class first = at(begin, after);
    if (text_[begin] == '\'') {
      if (const size_t end = contraction(begin); end > begin) return end;
    }
    if (first == letter) return run(after, letter);
    if (first == number) return numbers(after, digits);
    size_t second_after = after;
    const Class second = after < text_.size() ? at(after, second_after) : line_end;
    if (first != line_end && after < text_.size() && second == letter) return run(second_after, letter);
    if (first == other) return line_ends(run(after, other));
    if (text_[begin] == ' ' && after < text_.size() && second == other) return line_ends(run(second_after, other));
    return spaces(begin);
  }

 private:
  Class at(size_t begin, size_t& after) const {
    auto i = begin;
    UChar32 c;
    U8_NEXT_UNSAFE(bytes_, i, c);
    after = i;
    return c < table_size ? classes_[c] : look_up(c);
  }

  size_t run(size_t begin, Class wanted) const {
    size_t after;
    while (begin < text_.size() && at(begin, after) == wanted) begin = after;
    return begin;
  }

  size_t numbers(size_t begin, size_t digits) const {
    size_t after;
    for (size_t i = 1; i < digits && begin < text_.size() && at(begin, after) == number; ++i) begin = after;
    return begin;
  }

  size_t line_ends(size_t begin) const {
    while (begin < text_.size() && (text_[begin] == '\r' || text_[begin] == '\n')) ++begin;
    return begin;
  }

  // A run of spaces up to its last line end; without one all of it at the end of the text, else all but the last space,
  // which belongs to the next word, or that one space alone.
  size_t spaces(size_t begin) const {
    size_t end = begin, last = begin, after_line_end = begin, after;
    while (end < text_.size()) {
      const Class c = at(end, after);
      if (!is_space(c)) break;
      last = end;
      end = after;
      if (c == line_end) after_line_end = end;
    }
    if (after_line_end > begin) return after_line_end;
    return end == text_.size() || last == begin ? end : last;
  }

  // The apostrophe and one of s t re ve m ll d in either case; "ſ" is a small s as well.
  size_t contraction(size_t begin) const {
    const std::string_view rest = text_.substr(begin + 1, 2);
    if (rest.empty()) return begin;
    if (rest == "\xc5\xbf") return begin + 3;
    const char first = lower(rest[0]);
    if (std::string_view("stmd").find(first) != std::string_view::npos) return begin + 2;
    if (rest.size() < 2) return begin;
    const char second = lower(rest[1]);
    const bool two = (first == 'r' || first == 'v') ? second == 'e' : first == 'l' && second == 'l';
    return two ? begin + 3 : begin;
  }

  static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

  std::string_view text_;
  const uint8_t* bytes_;
  const Class* classes_;
};

}  // namespace

std::optional<FastSplit> FastSplit::of_pattern(std::string_view pattern) {
  const std::string before = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
  const std::string after = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  if (pattern == before + R"(\p{N})" + after) return FastSplit(1);
  if (pattern == before + R"(\p{N}{1,3})" + after) return FastSplit(3);
  return std::nullopt;
}

void FastSplit::split(std::string_view text, const std::function<void(std::string_view)>& visit) const {
  const Scanner scanner(text);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = scanner.word(begin, digits_);
    visit(text.substr(begin, end - begin));
    begin = end;
  }
}

}  // namespace golong

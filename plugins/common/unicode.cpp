#include "plugins/common/unicode.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace golong::plugins {

bool is_space(char32_t c) {
  // Bidirectional class WS, B or S, or category Zs: the definition behind str.isspace.
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

char32_t next_code_point(std::string_view s, size_t& at) {
  auto byte = static_cast<unsigned char>(s[at]);
  if (byte < 0x80) {
    ++at;
    return byte;
  }
  // U8_NEXT counts in int32: give it a window that starts at the character.
  std::string_view window = s.substr(at, 8);
  int32_t i = 0;
  UChar32 c;
  U8_NEXT_OR_FFFD(window.data(), i, static_cast<int32_t>(window.size()), c);
  at += static_cast<size_t>(i);
  return static_cast<char32_t>(c);
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::u32string to_code_points(std::string_view s) {
  std::u32string out;
  out.reserve(s.size());
  for (size_t at = 0; at < s.size();) out += next_code_point(s, at);
  return out;
}

std::string to_utf8(std::u32string_view s) {
  std::string out;
  out.reserve(s.size());
  for (char32_t c : s) append_utf8(out, c);
  return out;
}

size_t length(std::string_view s) {
  size_t count = 0;
  for (size_t at = 0; at < s.size(); ++count) next_code_point(s, at);
  return count;
}

namespace {

// Start of the code point that ends before `end`. REQUIRES: end > 0.
size_t previous(std::string_view s, size_t end) {
  size_t at = end - 1;
  if (static_cast<unsigned char>(s[at]) < 0x80) return at;  // most of a text
  while (at > 0 && end - at < 4 && (static_cast<unsigned char>(s[at]) & 0xC0) == 0x80) --at;
  size_t after = at;
  next_code_point(s, after);
  return after == end ? at : end - 1;  // a stray continuation byte stands for itself
}

}  // namespace

std::string_view last_code_points(std::string_view s, size_t count) {
  size_t start = s.size();
  for (; count > 0 && start > 0; --count) start = previous(s, start);
  return s.substr(start);
}

namespace {

// Sixteen bytes at a time; comparisons give 0 or 0xFF a byte.
constexpr size_t kBytes = 16;
typedef unsigned char Bytes __attribute__((vector_size(kBytes)));

Bytes load(const char* s) {
  Bytes bytes;
  std::memcpy(&bytes, s, sizeof bytes);
  return bytes;
}

bool any(const Bytes& bytes) {
  uint64_t halves[2];
  std::memcpy(halves, &bytes, sizeof bytes);
  return (halves[0] | halves[1]) != 0;
}

// Calls visit(at, bytes) for each sixteen bytes of s, and once for what is left over, filled up with `fill`.
template <class Visit>
void for_each_bytes(const char* s, size_t size, char fill, const Visit& visit) {
  size_t at = 0;
  for (; at + kBytes <= size; at += kBytes) visit(at, load(s + at));
  if (at == size) return;
  char rest[kBytes];
  std::memset(rest, fill, sizeof rest);
  std::memcpy(rest, s + at, size - at);
  visit(at, load(rest));
}

// Calls visit(at) for the bytes of s that `wanted` marks.
template <class Wanted, class Visit>
void for_each_byte(const char* s, size_t size, const Wanted& wanted, const Visit& visit) {
  for_each_bytes(s, size, 'x', [&](size_t at, const Bytes& bytes) {
    const Bytes marks = wanted(bytes);
    if (!any(marks)) return;
    for (size_t i = 0; i < kBytes; ++i) {
      if (marks[i] != 0) visit(at + i);
    }
  });
}

// Lower-cases the ASCII letters of s. True where all of it is ASCII.
bool lower_ascii(char* s, size_t size) {
  Bytes all{};
  for_each_bytes(s, size, ' ', [&](size_t at, Bytes bytes) {
    all |= bytes;
    bytes |= static_cast<Bytes>((bytes >= 'A') & (bytes <= 'Z')) & (Bytes{} + 0x20);
    std::memcpy(s + at, &bytes, std::min(kBytes, size - at));
  });
  return !any(all & (Bytes{} + 0x80));
}

// First bytes of characters beyond ASCII that may be capital letters: none of U+0080 to U+00BF, U+0800 to U+0FFF,
// U+3000 to U+9FFF and U+B000 to U+EFFF is.
Bytes may_begin_capital(const Bytes& b) {
  return static_cast<Bytes>(((b >= 0xC3) & (b <= 0xDF)) | (b == 0xE1) | (b == 0xE2) | (b == 0xEA) | (b >= 0xEF));
}

// Of these, the frequent ones that are none: general punctuation, and U+F000 to U+FFFF but for the full-width letters.
bool is_caseless(std::string_view s) {
  const auto first = static_cast<unsigned char>(s[0]);
  if (s.size() < 3) return false;
  if (first == 0xE2) return static_cast<unsigned char>(s[1]) <= 0x83;
  return first == 0xEF && (static_cast<unsigned char>(s[1]) != 0xBC || static_cast<unsigned char>(s[2]) < 0xA1);
}

constexpr char32_t kSigma = 0x3A3, kFinalSigma = 0x3C2, kDottedI = 0x130;

// Is the first code point that can tell (no full stop, no accent, ...), read by `next` until it gives none, a letter
// with case?
template <class Next>
bool meets_cased(const Next& next) {
  while (const std::optional<char32_t> c = next()) {
    const auto code = static_cast<UChar32>(*c);
    if (!u_hasBinaryProperty(code, UCHAR_CASE_IGNORABLE)) return u_hasBinaryProperty(code, UCHAR_CASED);
  }
  return false;
}

// Does the sigma from `start` to `end` close a word? As Unicode says (Final_Sigma), and Python.
bool is_final_sigma(std::string_view s, size_t start, size_t end) {
  const bool after_letter = meets_cased([&]() -> std::optional<char32_t> {
    if (start == 0) return std::nullopt;
    size_t at = start = previous(s, start);
    return next_code_point(s, at);
  });
  return after_letter && !meets_cased([&]() -> std::optional<char32_t> {
           if (end == s.size()) return std::nullopt;
           return next_code_point(s, end);
         });
}

// Lower-cases what is no ASCII in `out`, which is s with its ASCII letters lower-cased. In its place as long as the
// number of bytes stays.
void lower_others(std::string_view s, std::string& out) {
  std::string moved;  // what stands before out[copied], once a character has changed its size
  size_t copied = 0;
  for_each_byte(s.data(), s.size(), may_begin_capital, [&](size_t start) {
    if (is_caseless(s.substr(start))) return;
    size_t end = start;
    const char32_t c = next_code_point(s, end);
    auto small = static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
    if (c == kSigma && is_final_sigma(s, start, end)) small = kFinalSigma;
    if (small == c) return;
    std::string bytes;
    append_utf8(bytes, small);
    if (c == kDottedI) bytes = "i\u0307";  // the only one that becomes two
    if (bytes.size() == end - start) {
      std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<ptrdiff_t>(start));
    } else {
      moved.append(out, copied, start - copied).append(bytes);
      copied = end;
    }
  });
  if (copied == 0) return;
  moved.append(out, copied);
  out = std::move(moved);
}

}  // namespace

std::string lower(std::string_view s) {
  std::string out(s);
  if (!lower_ascii(out.data(), out.size())) lower_others(s, out);
  return out;
}

std::string_view strip_left(std::string_view s) {
  size_t at = 0;
  while (at < s.size()) {
    size_t after = at;
    if (!is_space(next_code_point(s, after))) break;
    at = after;
  }
  return s.substr(at);
}

std::string_view strip_right(std::string_view s) {
  size_t end = s.size();
  while (end > 0) {
    size_t before = previous(s, end), after = before;
    if (!is_space(next_code_point(s, after))) break;
    end = before;
  }
  return s.substr(0, end);
}

std::string_view strip(std::string_view s) { return strip_right(strip_left(s)); }

std::vector<std::string_view> split_whitespace(std::string_view s) {
  std::vector<std::string_view> pieces;
  append_words(s, pieces);
  return pieces;
}

void append_words(std::string_view s, std::vector<std::string_view>& pieces) {
  size_t start = 0;
  for (size_t at = 0; at < s.size();) {
    const auto byte = static_cast<unsigned char>(s[at]);
    if (byte > ' ' && byte < 0x80) {  // most of a text
      ++at;
      continue;
    }
    size_t after = at;
    if (is_space(next_code_point(s, after))) {
      if (at > start) pieces.push_back(s.substr(start, at - start));
      start = after;
    }
    at = after;
  }
  if (start < s.size()) pieces.push_back(s.substr(start));
}

std::vector<std::string_view> split(std::string_view s, char separator) {
  std::vector<std::string_view> pieces;
  size_t start = 0;
  for (size_t at; (at = s.find(separator, start)) != s.npos; start = at + 1)
    pieces.push_back(s.substr(start, at - start));
  pieces.push_back(s.substr(start));
  return pieces;
}

namespace {

// First bytes of the whitespace beyond ASCII.
Bytes may_begin_space(const Bytes& b) {
  return static_cast<Bytes>((b == 0xC2) | (b == 0xE1) | (b == 0xE2) | (b == 0xE3));
}
bool may_begin_space(unsigned char b) { return b == 0xC2 || (b >= 0xE1 && b <= 0xE3); }

// Do sixteen bytes from `at` hold no whitespace but single spaces? REQUIRES: one more byte follows.
bool has_single_spaces(std::string_view s, size_t at) {
  const Bytes bytes = load(s.data() + at), next = load(s.data() + at + 1);
  if (any(static_cast<Bytes>(((bytes == ' ') & (next == ' ')) | (bytes < ' ')))) return false;
  const Bytes wide = may_begin_space(bytes);
  if (!any(wide)) return true;
  for (size_t i = 0; i < kBytes; ++i) {
    size_t start = at + i;
    if (wide[i] != 0 && is_space(next_code_point(s, start))) return false;
  }
  return true;
}

}  // namespace

size_t collapse(char* s, size_t size) {
  const std::string_view text(s, size);  // what lies before `at` has been read
  size_t at = 0, end = 0;
  bool gap = false;
  const auto close_gap = [&] {
    if (gap) s[end++] = ' ';
    gap = false;
  };
  while (at < size) {
    if (at + kBytes < size && s[at] != ' ' && has_single_spaces(text, at)) {
      close_gap();
      const Bytes bytes = load(s + at);
      std::memcpy(s + end, &bytes, kBytes);
      at += kBytes;
      end += kBytes;
      if (s[end - 1] == ' ') {
        --end;
        gap = true;
      }
      continue;
    }
    for (const size_t stop = std::min(at + kBytes, size); at < stop;) {
      const auto byte = static_cast<unsigned char>(s[at]);
      size_t after = at + 1;
      bool is_gap = byte == ' ';
      if (byte < ' ' || may_begin_space(byte)) is_gap = is_space(next_code_point(text, after = at));
      if (is_gap) {
        gap = end > 0;
        at = after;
      } else {
        close_gap();
        s[end++] = s[at++];
      }
    }
  }
  return end;
}

std::string collapse(std::string_view s) {
  std::string out(s);
  out.resize(collapse(out.data(), out.size()));
  return out;
}

std::string replace_all(std::string_view s, std::string_view from, std::string_view to) {
  std::string out;
  size_t start = 0;
  for (size_t at; (at = s.find(from, start)) != s.npos; start = at + from.size()) {
    out += s.substr(start, at - start);
    out += to;
  }
  out += s.substr(start);
  return out;
}

}  // namespace golong::plugins

#include "plugins/common/unicode.h"

#include <unicode/ucasemap.h>
#include <unicode/utf8.h>

#include <limits>
#include <memory>
#include <stdexcept>

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

std::string lower(std::string_view s) {
  bool ascii = true;
  for (char c : s) ascii &= static_cast<unsigned char>(c) < 0x80;
  std::string out;
  if (ascii) {
    out.assign(s);
    for (char& c : out) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
  }
  if (s.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max() / 4)) {
    throw std::length_error("text of " + std::to_string(s.size()) + " bytes; at most 512 MB can be lower-cased");
  }
  UErrorCode status = U_ZERO_ERROR;
  // The root locale: no Turkish or Lithuanian rules, as in Python.
  std::unique_ptr<UCaseMap, decltype(&ucasemap_close)> map(ucasemap_open("", 0, &status), &ucasemap_close);
  if (U_FAILURE(status)) throw std::runtime_error(std::string("ICU: ") + u_errorName(status));
  out.resize(s.size() + s.size() / 2 + 16);
  auto size = static_cast<int32_t>(s.size());
  int32_t written =
      ucasemap_utf8ToLower(map.get(), out.data(), static_cast<int32_t>(out.size()), s.data(), size, &status);
  if (status == U_BUFFER_OVERFLOW_ERROR) {
    status = U_ZERO_ERROR;
    out.resize(static_cast<size_t>(written));
    written = ucasemap_utf8ToLower(map.get(), out.data(), written, s.data(), size, &status);
  }
  if (U_FAILURE(status)) throw std::runtime_error(std::string("ICU: ") + u_errorName(status));
  out.resize(static_cast<size_t>(written));
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
  size_t start = 0;
  for (size_t at = 0; at < s.size();) {
    size_t after = at;
    if (is_space(next_code_point(s, after))) {
      if (at > start) pieces.push_back(s.substr(start, at - start));
      start = after;
    }
    at = after;
  }
  if (start < s.size()) pieces.push_back(s.substr(start));
  return pieces;
}

std::vector<std::string_view> split(std::string_view s, char separator) {
  std::vector<std::string_view> pieces;
  size_t start = 0;
  for (size_t at; (at = s.find(separator, start)) != s.npos; start = at + 1)
    pieces.push_back(s.substr(start, at - start));
  pieces.push_back(s.substr(start));
  return pieces;
}

std::string collapse(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (std::string_view word : split_whitespace(s)) {
    if (!out.empty()) out += ' ';
    out += word;
  }
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

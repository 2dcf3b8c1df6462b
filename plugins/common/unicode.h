// Text as Python sees it: code points, str.lower, str.strip, str.split. UTF-8 in and out; bytes that are not valid
// UTF-8 count as U+FFFD where a code point is asked for, and are otherwise kept. Thread-safe: no state.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace golong::plugins {

// str.isspace of one code point: exactly Python's set (U+001C to U+001F, U+0085, U+00A0, U+3000, ... included).
bool is_space(char32_t c);

// Reads the code point that starts at s[at] and moves `at` behind it. REQUIRES: at < s.size().
char32_t next_code_point(std::string_view s, size_t& at);

// Appends `c` as UTF-8 (surrogates too, as three bytes: a lone one must not equal another).
void append_utf8(std::string& out, char32_t c);

std::u32string to_code_points(std::string_view s);
std::string to_utf8(std::u32string_view s);

// Number of code points.
size_t length(std::string_view s);

// s[-count:] of Python.
std::string_view last_code_points(std::string_view s, size_t count);

// str.lower: full Unicode mapping, with the final sigma, independent of the locale.
std::string lower(std::string_view s);

// str.strip(), str.lstrip(), str.rstrip().
std::string_view strip(std::string_view s);
std::string_view strip_left(std::string_view s);
std::string_view strip_right(std::string_view s);

// str.split(): runs of whitespace separate, empty pieces do not occur.
std::vector<std::string_view> split_whitespace(std::string_view s);
// The same pieces behind those that `pieces` has.
void append_words(std::string_view s, std::vector<std::string_view>& pieces);

// str.split(separator) for one byte: empty pieces are kept, "" gives one empty piece.
std::vector<std::string_view> split(std::string_view s, char separator);

// " ".join(s.split()).
std::string collapse(std::string_view s);
// The same within the memory of s, which becomes shorter where it changes; returns the new length.
size_t collapse(char* s, size_t size);

// s.replace(from, to). REQUIRES: `from` is not empty.
std::string replace_all(std::string_view s, std::string_view from, std::string_view to);

}  // namespace golong::plugins

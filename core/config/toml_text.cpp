#include "core/config/toml_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace golong {
namespace {

bool bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

std::string toml_string(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += "\\u00";
      quoted += "0123456789ABCDEF"[byte >> 4];
      quoted += "0123456789ABCDEF"[byte & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string toml_number(double value, bool integer) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  std::string text(digits, end);
  const size_t exponent = text.find('e');
  if (exponent == std::string::npos) return integer || text.find('.') != std::string::npos ? text : text + ".0";
  // to_chars writes 2e-06 and 1e+20; leave out what says nothing.
  size_t first = exponent + 1;
  if (text[first] == '+') text.erase(first, 1);
  if (text[first] == '-') ++first;
  while (text.size() > first + 1 && text[first] == '0') text.erase(first, 1);
  return text;
}

std::string toml_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), bare) ? std::string(key) : toml_string(key);
}

}  // namespace golong

#include "plugins/common/python_json.h"

#include <unicode/uchar.h>

#include <charconv>
#include <cmath>

#include "plugins/common/json_reader.h"
#include "plugins/common/unicode.h"

namespace golong::plugins {

const JsonValue* JsonValue::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

namespace {

// str.isprintable of one code point.
bool printable(char32_t c) {
  if (c == ' ') return true;
  switch (u_charType(static_cast<UChar32>(c))) {
    case U_UNASSIGNED:
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_SURROGATE:
    case U_PRIVATE_USE_CHAR:
    case U_SPACE_SEPARATOR:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
      return false;
    default:
      return true;
  }
}

void append_hex(std::string& out, char32_t c, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += "0123456789abcdef"[(c >> shift) & 15];
}

// Reads the three-byte form of a lone surrogate (which UTF-8 proper has not), as JsonReader writes it.
bool lone_surrogate(std::string_view s, size_t at, char32_t& c) {
  if (s.size() - at < 3 || static_cast<unsigned char>(s[at]) != 0xED) return false;
  auto second = static_cast<unsigned char>(s[at + 1]);
  if (second < 0xA0) return false;
  c = 0xD000 | (static_cast<char32_t>(second & 0x3F) << 6) | (static_cast<unsigned char>(s[at + 2]) & 0x3F);
  return true;
}

void append_quoted(std::string& out, std::string_view s) {
  char quote = s.find('\'') != s.npos && s.find('"') == s.npos ? '"' : '\'';
  out += quote;
  for (size_t at = 0; at < s.size();) {
    size_t start = at;
    char32_t c;
    if (lone_surrogate(s, at, c)) {
      at += 3;
    } else {
      c = next_code_point(s, at);
    }
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c >= 0x20 && c != 0x7F && (c < 0x7F || printable(c))) {
      out += s.substr(start, at - start);
    } else if (c <= 0xFF) {
      out += "\\x";
      append_hex(out, c, 2);
    } else if (c <= 0xFFFF) {
      out += "\\u";
      append_hex(out, c, 4);
    } else {
      out += "\\U";
      append_hex(out, c, 8);
    }
  }
  out += quote;
}

void append_repr(std::string& out, const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::null:
      out += "None";
      return;
    case JsonValue::Kind::boolean:
      out += value.boolean ? "True" : "False";
      return;
    case JsonValue::Kind::integer:
      out += value.text;
      return;
    case JsonValue::Kind::real:
      out += python_repr(value.real);
      return;
    case JsonValue::Kind::string:
      append_quoted(out, value.text);
      return;
    case JsonValue::Kind::array:
      out += '[';
      for (size_t i = 0; i < value.items.size(); ++i) {
        if (i > 0) out += ", ";
        append_repr(out, value.items[i]);
      }
      out += ']';
      return;
    case JsonValue::Kind::object:
      out += '{';
      for (size_t i = 0; i < value.members.size(); ++i) {
        if (i > 0) out += ", ";
        append_quoted(out, value.members[i].name);
        out += ": ";
        append_repr(out, value.members[i].value);
      }
      out += '}';
      return;
  }
}

}  // namespace

JsonValue parse_json(std::string_view text) {
  JsonReader reader(text);
  reader.begin();
  JsonValue value = reader.value();
  reader.end();
  reader.check();
  return value;
}

std::string python_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // Shortest digits d.ddd and exponent, then Python's choice of notation.
  char buffer[64];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  size_t e = text.find('e');
  int exponent = std::stoi(std::string(text.substr(e + 1)));
  std::string sign, digits;
  for (char c : text.substr(0, e)) {
    if (c == '-') sign = "-";
    if (c >= '0' && c <= '9') digits += c;
  }
  if (exponent < -4 || exponent >= 16) {
    std::string out = sign + digits.substr(0, 1);
    if (digits.size() > 1) out += "." + digits.substr(1);
    std::string power = std::to_string(std::abs(exponent));
    if (power.size() < 2) power = "0" + power;
    return out + (exponent < 0 ? "e-" : "e+") + power;
  }
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string python_repr(const JsonValue& value) {
  std::string out;
  append_repr(out, value);
  return out;
}

void append_python_str(std::string& out, const JsonValue& value) {
  if (value.kind == JsonValue::Kind::string) {
    out += value.text;
  } else {
    append_repr(out, value);
  }
}

std::string python_str(const JsonValue& value) {
  std::string out;
  append_python_str(out, value);
  return out;
}

}  // namespace golong::plugins

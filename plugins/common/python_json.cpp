#include "plugins/common/python_json.h"

#include <unicode/uchar.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "plugins/common/unicode.h"

namespace golong::plugins {

const JsonValue* JsonValue::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  JsonValue document() {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") fail("a byte order mark");
    skip_space();
    JsonValue value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) fail("text after the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw JsonError("not JSON: " + what + " at byte " + std::to_string(at_));
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool digit() const { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; }

  JsonValue parse_value(size_t depth) {
    if (at_ >= text_.size()) fail("a value is missing");
    JsonValue value;
    switch (text_[at_]) {
      case '"':
        value.kind = JsonValue::Kind::string;
        value.text = parse_string();
        return value;
      case '[':
        return parse_array(depth + 1);
      case '{':
        return parse_object(depth + 1);
      default:
        break;
    }
    if (take("null")) return value;
    if (take("true") || take("false")) {
      value.kind = JsonValue::Kind::boolean;
      value.boolean = text_[at_ - 2] == 'u';
      return value;
    }
    value.kind = JsonValue::Kind::real;
    if (take("NaN")) {
      value.real = std::numeric_limits<double>::quiet_NaN();
    } else if (take("Infinity")) {
      value.real = std::numeric_limits<double>::infinity();
    } else if (take("-Infinity")) {
      value.real = -std::numeric_limits<double>::infinity();
    } else {
      return parse_number();
    }
    return value;
  }

  JsonValue parse_number() {
    size_t start = at_;
    if (peek() == '-') ++at_;
    if (!digit()) {
      at_ = start;
      fail("a value is missing");
    }
    if (text_[at_] == '0') {
      ++at_;
    } else {
      while (digit()) ++at_;
    }
    JsonValue value;
    value.kind = JsonValue::Kind::integer;
    size_t end = at_;
    // A fraction or an exponent without digits is no part of the number, as in Python; the rest then is an error.
    if (peek() == '.') {
      ++at_;
      if (digit()) {
        while (digit()) ++at_;
        end = at_;
        value.kind = JsonValue::Kind::real;
      }
      at_ = end;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (digit()) {
        while (digit()) ++at_;
        end = at_;
        value.kind = JsonValue::Kind::real;
      }
      at_ = end;
    }
    std::string_view digits = text_.substr(start, end - start);
    if (value.kind == JsonValue::Kind::real) {
      value.real = to_double(digits);
    } else {
      if (digits.size() - (digits[0] == '-') > kMaxJsonIntegerDigits) {
        throw JsonLimit("an integer of " + std::to_string(digits.size()) + " digits; at most " +
                        std::to_string(kMaxJsonIntegerDigits) + " can be read");
      }
      value.text = digits == "-0" ? "0" : digits;
    }
    return value;
  }

  static double to_double(std::string_view digits) {
    double value = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error == std::errc::result_out_of_range) {
      // from_chars leaves the value alone: strtod says whether it is infinity or zero.
      value = std::strtod(std::string(digits).c_str(), nullptr);
    }
    return value;
  }

  unsigned hex4() {
    if (text_.size() - at_ < 4) fail("an incomplete \\u escape");
    unsigned code = 0;
    for (int i = 0; i < 4; ++i) {
      char c = text_[at_ + static_cast<size_t>(i)];
      unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                       : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                       : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A' + 10)
                                              : 16U;
      if (digit == 16U) fail("an invalid \\u escape");
      code = code * 16 + digit;
    }
    at_ += 4;
    return code;
  }

  char32_t unicode_escape() {
    unsigned code = hex4();
    if (code < 0xD800 || code > 0xDBFF || text_.substr(at_, 2) != "\\u") return code;
    size_t before = at_;
    at_ += 2;
    unsigned second = hex4();
    if (second >= 0xDC00 && second <= 0xDFFF) return 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
    at_ = before;  // a lone surrogate; what follows is read by itself
    return code;
  }

  std::string parse_string() {
    ++at_;
    std::string out;
    while (true) {
      if (at_ >= text_.size()) fail("a string that does not end");
      char c = text_[at_];
      if (c == '"') {
        ++at_;
        return out;
      }
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character in a string");
      ++at_;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (at_ >= text_.size()) fail("a string that does not end");
      char escape = text_[at_++];
      switch (escape) {
        case '"':
        case '\\':
        case '/':
          out += escape;
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'n':
          out += '\n';
          break;
        case 'r':
          out += '\r';
          break;
        case 't':
          out += '\t';
          break;
        case 'u':
          append_utf8(out, unicode_escape());
          break;
        default:
          --at_;
          fail("an invalid escape");
      }
    }
  }

  static void check_depth(size_t depth) {
    if (depth > kMaxJsonDepth) {
      throw JsonLimit("nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    }
  }

  JsonValue parse_array(size_t depth) {
    check_depth(depth);
    JsonValue value;
    value.kind = JsonValue::Kind::array;
    ++at_;
    skip_space();
    if (peek() == ']') {
      ++at_;
      return value;
    }
    while (true) {
      value.items.push_back(parse_value(depth));
      skip_space();
      if (take("]")) return value;
      if (!take(",")) fail("',' or ']' is missing");
      skip_space();
    }
  }

  JsonValue parse_object(size_t depth) {
    check_depth(depth);
    JsonValue value;
    value.kind = JsonValue::Kind::object;
    std::unordered_map<std::string, size_t> places;
    ++at_;
    skip_space();
    if (peek() == '}') {
      ++at_;
      return value;
    }
    while (true) {
      if (peek() != '"') fail("a key in quotes is missing");
      std::string key = parse_string();
      skip_space();
      if (!take(":")) fail("':' is missing");
      skip_space();
      JsonValue member = parse_value(depth);
      auto [place, is_new] = places.try_emplace(key, value.members.size());
      if (is_new) {
        value.members.push_back({std::move(key), std::move(member)});
      } else {
        value.members[place->second].value = std::move(member);
      }
      skip_space();
      if (take("}")) return value;
      if (!take(",")) fail("',' or '}' is missing");
      skip_space();
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

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

// Reads the three-byte form of a lone surrogate (which UTF-8 proper has not), as parse_string writes it.
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

JsonValue parse_json(std::string_view text) { return Parser(text).document(); }

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

std::string python_str(const JsonValue& value) {
  return value.kind == JsonValue::Kind::string ? value.text : python_repr(value);
}

}  // namespace golong::plugins

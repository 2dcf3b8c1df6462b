#include "core/data/json_slice.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cstdint>

#include "core/base/error.h"

namespace golong {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One pass over a text, checking the grammar. `open` holds the brackets that are open.
class Checker {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

  void run() {
    spaces();
    value();
    while (!open_.empty()) {
      if (fresh_) {  // just after the opening bracket
        fresh_ = false;
        if (at() == open_.back())
          close();
        else
          item();
      } else if (at() == ',') {
        ++position_;
        spaces();
        item();
      } else if (at() == open_.back()) {
        close();
      } else {
        wrong(open_.back() == '}' ? "',' or '}'" : "',' or ']'");
      }
    }
    if (position_ != text_.size()) wrong("nothing after the value");
  }

 private:
  char at() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  [[noreturn]] void wrong(const char* expected) const {
    fail("column ", position_ + 1, ": expected ", expected, position_ < text_.size() ? "" : ", but the text ends");
  }

  void spaces() {
    while (is_space(at())) ++position_;
  }

  void close() {
    open_.pop_back();
    ++position_;
    spaces();
  }

  void item() {
    if (open_.back() == '}') {
      if (at() != '"') wrong("a key in double quotes");
      string();
      spaces();
      if (at() != ':') wrong("':'");
      ++position_;
      spaces();
    }
    value();
  }

  void value() {
    const char c = at();
    if (c == '{' || c == '[') {
      open_.push_back(c == '{' ? '}' : ']');
      fresh_ = true;
      ++position_;
    } else if (c == '"') {
      string();
    } else if (c == '-' || is_digit(c)) {
      number();
    } else {
      for (std::string_view word : {"null", "true", "false", "NaN", "Infinity"}) {
        if (text_.substr(position_, word.size()) == word) {
          position_ += word.size();
          return spaces();
        }
      }
      wrong("a value");
    }
    spaces();
  }

  void digits() {
    if (!is_digit(at())) wrong("a digit");
    while (is_digit(at())) ++position_;
  }

  void number() {
    if (at() == '-') ++position_;
    if (text_.substr(position_, 8) == "Infinity") {
      position_ += 8;
      return;
    }
    if (at() == '0')
      ++position_;
    else
      digits();
    if (at() == '.') {
      ++position_;
      digits();
    }
    if (at() == 'e' || at() == 'E') {
      ++position_;
      if (at() == '+' || at() == '-') ++position_;
      digits();
    }
  }

  void string() {
    for (++position_;; ++position_) {
      if (position_ >= text_.size()) wrong("'\"'");
      const char c = text_[position_];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20)
        wrong("no control character inside a string (write \\n, \\t or \\u00XX)");
      if (c == '\\') escape();
    }
    ++position_;
  }

  void escape() {
    ++position_;
    if (at() == 'u') {
      for (int i = 0; i < 4; ++i) {
        ++position_;
        if (hex_digit(at()) < 0) wrong("four hexadecimal digits after \\u");
      }
    } else if (at() == '\0' || std::string_view("\"\\/bfnrt").find(at()) == std::string_view::npos) {
      wrong("an escape (one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX)");
    }
  }

  std::string_view text_;
  size_t position_ = 0;
  std::string open_;
  bool fresh_ = false;
};

// The rest works on text that was checked. Position after the string that starts at `position`.
size_t after_string(std::string_view text, size_t position) {
  for (++position; text[position] != '"'; ++position) {
    if (text[position] == '\\') ++position;
  }
  return position + 1;
}

size_t after_value(std::string_view text, size_t position) {
  size_t depth = 0;
  do {
    const char c = text[position];
    if (c == '"') {
      position = after_string(text, position);
    } else if (c == '{' || c == '[') {
      ++depth;
      ++position;
    } else if (c == '}' || c == ']') {
      --depth;
      ++position;
    } else if (depth > 0) {
      ++position;
    } else {
      while (position < text.size() && std::string_view(",]} \t\n\r").find(text[position]) == std::string_view::npos)
        ++position;
    }
  } while (depth > 0);
  return position;
}

size_t skip(std::string_view text, size_t position) {
  while (is_space(text[position]) || text[position] == ',' || text[position] == ':') ++position;
  return position;
}

void append_utf8(std::string& out, uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | point >> 12);
    out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | point >> 18);
    out += static_cast<char>(0x80 | (point >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
}

uint32_t hex4(std::string_view text) {
  uint32_t value = 0;
  for (char c : text.substr(0, 4)) value = value << 4 | static_cast<uint32_t>(hex_digit(c));
  return value;
}

// Resolves the \uXXXX whose digits start at `position`, with its low surrogate where it has one.
uint32_t unicode_escape(std::string_view text, size_t& position) {
  uint32_t point = hex4(text.substr(position));
  position += 4;
  if (point < 0xd800 || point > 0xdfff) return point;
  if (point < 0xdc00 && text.substr(position, 2) == "\\u") {
    const uint32_t low = hex4(text.substr(position + 2));
    if (low >= 0xdc00 && low <= 0xdfff) {
      position += 6;
      return 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  return 0xfffd;
}

}  // namespace

JsonSlice JsonSlice::parse(std::string_view text) {
  Checker(text).run();
  while (is_space(text.front())) text.remove_prefix(1);
  while (is_space(text.back())) text.remove_suffix(1);
  return JsonSlice(text);
}

JsonSlice::Kind JsonSlice::kind() const {
  if (text_.empty()) return Kind::absent;
  switch (text_.front()) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 'n':
      return Kind::null;
    case 't':
    case 'f':
      return Kind::boolean;
    default:
      return Kind::number;
  }
}

const char* JsonSlice::kind_name() const {
  switch (kind()) {
    case Kind::absent:
      return "nothing";
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "true or false";
    case Kind::number:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::array:
      return "a list";
    case Kind::object:
      return "an object";
  }
  return "?";
}

std::string JsonSlice::string() const {
  const std::string_view body = text_.substr(1, text_.size() - 2);
  std::string out;
  out.reserve(body.size());
  for (size_t i = 0; i < body.size();) {
    const size_t escape = std::min(body.find('\\', i), body.size());
    out.append(body.substr(i, escape - i));
    if (escape == body.size()) break;
    i = escape + 2;
    switch (body[escape + 1]) {
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
        append_utf8(out, unicode_escape(body, i));
        break;
      default:
        out += body[escape + 1];
    }
  }
  return out;
}

std::vector<JsonSlice> JsonSlice::elements() const {
  std::vector<JsonSlice> result;
  for (size_t i = skip(text_, 1); text_[i] != ']'; i = skip(text_, i)) {
    const size_t end = after_value(text_, i);
    result.push_back(JsonSlice(text_.substr(i, end - i)));
    i = end;
  }
  return result;
}

std::map<std::string, JsonSlice> JsonSlice::members() const {
  std::map<std::string, JsonSlice> result;
  for (size_t i = skip(text_, 1); text_[i] != '}'; i = skip(text_, i)) {
    const size_t key_end = after_string(text_, i);
    std::string key = JsonSlice(text_.substr(i, key_end - i)).string();
    const size_t start = skip(text_, key_end);
    const size_t end = after_value(text_, start);
    result[std::move(key)] = JsonSlice(text_.substr(start, end - start));
    i = end;
  }
  return result;
}

std::string json_quote(std::string_view text) {
  return boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

}  // namespace golong

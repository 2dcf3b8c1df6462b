#include "plugins/common/json_reader.h"

#include <charconv>
#include <cstdlib>
#include <limits>
#include <unordered_map>

#include "plugins/common/unicode.h"

namespace golong::plugins {
namespace {

double to_double(std::string_view digits) {
  double value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    // from_chars leaves the value alone: strtod says whether it is infinity or zero.
    value = std::strtod(std::string(digits).c_str(), nullptr);
  }
  return value;
}

// Stands for itself in a string.
bool is_plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

using Places = std::unordered_map<std::string, size_t>;

// The member of that name among those read so far. A long object fills `places`, which a short one can do without.
JsonValue* find(std::vector<JsonMember>& members, Places& places, std::string_view name) {
  constexpr size_t few = 16;
  if (members.size() < few) {
    for (JsonMember& member : members) {
      if (member.name == name) return &member.value;
    }
    return nullptr;
  }
  for (size_t i = places.size(); i < members.size(); ++i) places.emplace(members[i].name, i);
  auto place = places.find(std::string(name));
  return place == places.end() ? nullptr : &members[place->second].value;
}

}  // namespace

// The first problem counts; what follows it is not looked at.
void JsonReader::fail(const char* what) {
  if (ok()) {
    problem_ = what;
    problem_at_ = at_;
  }
  at_ = text_.size();
}

void JsonReader::check() const {
  if (!ok()) throw JsonError(std::string("not JSON: ") + problem_ + " at byte " + std::to_string(problem_at_));
}

void JsonReader::begin() {
  if (text_.substr(0, 3) == "\xEF\xBB\xBF") fail("a byte order mark");
  skip_space();
}

void JsonReader::end() {
  skip_space();
  if (at_ != text_.size()) fail("text after the value");
}

void JsonReader::skip_space() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
}

bool JsonReader::take(std::string_view word) {
  if (text_.substr(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

void JsonReader::enter() {
  if (++depth_ > kMaxJsonDepth) {
    throw JsonLimit("nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  }
  ++at_;
  skip_space();
}

bool JsonReader::leave(char close) {
  if (peek() != close) return false;
  ++at_;
  --depth_;
  return true;
}

bool JsonReader::more(char close) {
  skip_space();
  if (leave(close)) return false;
  if (peek() != ',') {
    fail(close == ']' ? "',' or ']' is missing" : "',' or '}' is missing");
    return false;
  }
  ++at_;
  skip_space();
  return true;
}

bool JsonReader::read_name(std::string& name) {
  name.clear();
  if (peek() == '"') {
    string(name);
    skip_space();
    if (peek() != ':') fail("':' is missing");
  } else {
    fail("a key in quotes is missing");
  }
  if (!ok()) return false;
  ++at_;
  skip_space();
  return true;
}

JsonValue JsonReader::value() {
  JsonValue value;
  if (at_ >= text_.size()) {
    fail("a value is missing");
    return value;
  }
  switch (text_[at_]) {
    case '"':
      value.kind = JsonValue::Kind::string;
      string(value.text);
      return value;
    case '[':
      return array();
    case '{':
      return object();
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
    return number();
  }
  return value;
}

JsonValue JsonReader::array() {
  JsonValue list;
  list.kind = JsonValue::Kind::array;
  items([&] { list.items.push_back(value()); });
  return list;
}

JsonValue JsonReader::object() {
  JsonValue result;
  result.kind = JsonValue::Kind::object;
  Places places;
  members([&](std::string_view name) {
    JsonValue member = value();
    if (JsonValue* earlier = find(result.members, places, name)) {
      *earlier = std::move(member);
    } else {
      result.members.push_back({std::string(name), std::move(member)});
    }
  });
  return result;
}

JsonValue JsonReader::number() {
  size_t start = at_;
  if (peek() == '-') ++at_;
  if (!digit()) {
    at_ = start;
    fail("a value is missing");
    return {};
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

unsigned JsonReader::hex4() {
  if (text_.size() - at_ < 4) {
    fail("an incomplete \\u escape");
    return 0;
  }
  unsigned code = 0;
  for (int i = 0; i < 4; ++i) {
    char c = text_[at_ + static_cast<size_t>(i)];
    unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                     : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A' + 10)
                                            : 16U;
    if (digit == 16U) {
      fail("an invalid \\u escape");
      return 0;
    }
    code = code * 16 + digit;
  }
  at_ += 4;
  return code;
}

char32_t JsonReader::unicode_escape() {
  unsigned code = hex4();
  if (code < 0xD800 || code > 0xDBFF || text_.substr(at_, 2) != "\\u") return code;
  size_t before = at_;
  at_ += 2;
  unsigned second = hex4();
  if (!ok()) return code;
  if (second >= 0xDC00 && second <= 0xDFFF) return 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
  at_ = before;  // a lone surrogate; what follows is read by itself
  return code;
}

void JsonReader::escape(std::string& out) {
  if (at_ >= text_.size()) return fail("a string that does not end");
  const char letter = text_[at_++];
  constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
  if (letter == 'u') {
    append_utf8(out, unicode_escape());
  } else if (const size_t found = letters.find(letter); found != letters.npos) {
    out += meanings[found];
  } else {
    --at_;
    fail("an invalid escape");
  }
}

void JsonReader::string(std::string& out) {
  ++at_;
  while (true) {
    const size_t start = at_;
    while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
    out += text_.substr(start, at_ - start);
    if (at_ >= text_.size()) return fail("a string that does not end");
    const char c = text_[at_];
    if (c != '"' && c != '\\') return fail("a control character in a string");
    ++at_;
    if (c == '"') return;
    escape(out);
  }
}

}  // namespace golong::plugins

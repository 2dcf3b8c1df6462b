// JSON as Python's json.loads reads it, and the text that Python's str() makes of its values. Integers keep all their
// digits, 1 and 1.0 differ, NaN and Infinity are read, the last of duplicate keys wins. Thread-safe: no state.
#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace golong::plugins {

// The text is not JSON (json.JSONDecodeError).
struct JsonError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Python raises something else than JSONDecodeError: an integer of more than 4,300 digits, nesting beyond its recursion
// limit.
struct JsonLimit : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct JsonMember;

struct JsonValue {
  enum class Kind { null, boolean, integer, real, string, array, object };

  Kind kind = Kind::null;
  bool boolean = false;
  double real = 0;
  std::string text;                 // of an integer: its digits, normalised; of a string: UTF-8
  std::vector<JsonValue> items;     // of an array
  std::vector<JsonMember> members;  // of an object, in the order of first appearance

  // The member of an object, nullptr where there is none or this is no object.
  const JsonValue* find(std::string_view key) const;
};

struct JsonMember {
  std::string name;
  JsonValue value;
};

inline constexpr size_t kMaxJsonDepth = 980;
inline constexpr size_t kMaxJsonIntegerDigits = 4300;

// json.loads. Throws JsonError and JsonLimit. Linear in the text; recursion is bounded by kMaxJsonDepth.
JsonValue parse_json(std::string_view text);

// str(value) and repr(value).
std::string python_str(const JsonValue& value);
void append_python_str(std::string& out, const JsonValue& value);
std::string python_repr(const JsonValue& value);

// repr of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16.
std::string python_repr(double value);

}  // namespace golong::plugins

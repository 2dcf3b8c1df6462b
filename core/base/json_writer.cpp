#include "core/base/json_writer.h"

#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

namespace golong {
namespace {

namespace json = boost::json;

void append(std::string& out, const json::value& value) {
  if (const double* number = value.if_double()) {
    out += json_number(*number);
  } else if (const json::array* array = value.if_array()) {
    char separator = '[';
    for (const json::value& element : *array) {
      out += separator;
      append(out, element);
      separator = ',';
    }
    out += array->empty() ? "[]" : "]";
  } else if (const json::object* object = value.if_object()) {
    char separator = '{';
    for (const auto& [key, member] : *object) {
      out += separator;
      out += json::serialize(key);
      out += ':';
      append(out, member);
      separator = ',';
    }
    out += object->empty() ? "{}" : "}";
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string to_json(const json::value& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace golong

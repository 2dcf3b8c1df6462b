#include "core/text/json_part.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/base/error.h"

namespace golong {

namespace json = boost::json;

std::string type_of(const json::value& value, const char* part) {
  const json::value* type = value.is_object() ? value.as_object().if_contains("type") : nullptr;
  if (!type || !type->is_string()) fail(part, " is ", json::serialize(value), ", expected an object with a type");
  return std::string(type->as_string());
}

const json::array& steps_of(const json::value& value, const char* part, const char* key) {
  const json::value* found = value.as_object().if_contains(key);
  if (!found || !found->is_array()) fail(part, " of type Sequence has no list ", key);
  return found->as_array();
}

bool switch_of(const json::value& value, const char* part, const char* key, bool missing) {
  const json::value* found = value.as_object().if_contains(key);
  if (!found || found->is_null()) return missing;
  if (!found->is_bool()) fail(part, " has ", key, " = ", json::serialize(*found), ", expected true or false");
  return found->as_bool();
}

}  // namespace golong

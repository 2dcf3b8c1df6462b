// What the parts of a tokenizer.json have in common: objects that name their type.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string>

namespace golong {

// The `type` of a part. Throws Error where it is no object with one; `part` names it: "normalizer".
std::string type_of(const boost::json::value& value, const char* part);

// The steps of a part whose type is Sequence. Throws Error where `key` is no list.
const boost::json::array& steps_of(const boost::json::value& value, const char* part, const char* key);

// A switch of a part, `missing` where it is not there or null. Throws Error where it is anything else but true or
// false.
bool switch_of(const boost::json::value& value, const char* part, const char* key, bool missing);

}  // namespace golong

// JSON as golong writes it.
#pragma once
#include <boost/json/fwd.hpp>
#include <string>

namespace golong {

// The shortest decimal text that reads back as the same number: 0.2, where Boost.JSON writes 2E-1. "null" for what is
// not finite, which JSON does not know.
std::string json_number(double value);

// On one line, without spaces.
std::string to_json(const boost::json::value& value);

}  // namespace golong

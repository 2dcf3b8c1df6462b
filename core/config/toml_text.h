// Pieces of TOML as text, for files and for messages.
#pragma once
#include <string>
#include <string_view>

namespace golong {

// "text" as a TOML basic string, quotes and control characters escaped.
std::string toml_string(std::string_view text);

// The shortest TOML float or integer that reads back as `value`: 2e-6, 0.1, 3.0. With `integer` no ".0" is added.
std::string toml_number(double value, bool integer = false);

// A key: bare where TOML allows it, else quoted.
std::string toml_key(std::string_view key);

}  // namespace golong

// UTF-8 that can be trusted.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace golong {

bool is_valid_utf8(std::string_view text);

// `text` with each part that is no UTF-8 replaced by U+FFFD, one for each maximal part of a character, as Python's
// `bytes.decode("utf-8", "replace")` does.
std::string to_valid_utf8(std::string_view text);

// How many bytes at the end of `text` begin a character of which more may come.
size_t begun_character(std::string_view text);

}  // namespace golong

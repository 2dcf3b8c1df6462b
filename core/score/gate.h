// The gate of paper C.1: a response counts only with exactly one </think> and at most one <think>.
#pragma once
#include <string>
#include <string_view>

namespace golong {

// "" where the response passes, else why not.
std::string gate(std::string_view text);

// What stands after the last </think>; all of it where there is none.
std::string_view answer_part(std::string_view text);

}  // namespace golong

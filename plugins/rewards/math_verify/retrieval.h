// Retrieval with a calculation (paper C.5): the named documents must be the gold ones and the answer must be right.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace golong::plugins::math {

// What stands between the first <name> and the next </name>; nullopt where either is missing.
std::optional<std::string_view> tagged(std::string_view text, std::string_view name);

// The documents <|doc_12|> that a text names.
std::set<std::string, std::less<>> document_ids(std::string_view text);

}  // namespace golong::plugins::math

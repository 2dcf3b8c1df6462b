// What two configurations differ in.
#pragma once
#include <string>
#include <vector>

namespace golong {

// Both as Config::to_toml() writes them; `source` of `before` starts the message when it cannot be read. Each entry is
// "train.seed was 7, is 42"; a key that is in one of them alone has "not set" on the other side. Sorted by key.
// Throws Error for text that is no TOML.
std::vector<std::string> differences(const std::string& before, const std::string& after, const std::string& source);

// A line for each, indented, behind a line of its own.
std::string as_lines(const std::vector<std::string>& differences);

}  // namespace golong

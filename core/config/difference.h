// What two configurations differ in.
#pragma once
#include <string>
#include <vector>

namespace golong {

struct Difference {
  std::string key;            // "train.seed"
  std::string before, after;  // as TOML writes them; "not set" where the key is in the other one alone
};

// "train.seed was 7, is 42".
std::string to_string(const Difference& difference);

// A line for each, indented, behind a line of its own.
std::string as_lines(const std::vector<Difference>& differences);

// Both as Config::to_toml() writes them; `source` of `before` starts the message when it cannot be read. Sorted by key.
// Throws Error for text that is no TOML.
std::vector<Difference> differences(const std::string& before, const std::string& after, const std::string& source);

}  // namespace golong

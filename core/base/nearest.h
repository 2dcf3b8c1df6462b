// The word that somebody probably meant, for error messages.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace golong {

// The candidate with the smallest edit distance to `word`, whatever the case of its letters; "" when none is near.
// `farthest`: edits that are not too many; by default a third of the letters, at least 2.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates,
                    std::optional<size_t> farthest = {});

// "; did you mean X?" or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace golong

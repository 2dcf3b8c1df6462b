// Answers the questions of the task plugins a second time, from the question's words and the context alone, with
// regular expressions and naive search: no code is shared with the generators.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace golong::oracle {

// The expected answer: the label as one element, or the items in order. Nothing where the question is not understood,
// which a test treats as a failure.
std::optional<std::vector<std::string>> answer(const std::string& context, const std::string& question);

}  // namespace golong::oracle

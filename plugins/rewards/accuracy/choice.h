// Multiple choice (paper C.5): the letter of "The correct answer is (B)".
#pragma once
#include <optional>
#include <string_view>

namespace golong::plugins {

// The letter A to D that a text chooses: the first "The correct answer is (X)", else the first "The correct answer is
// X". Asterisks are ignored; case counts; X may be the first letter of a longer word.
std::optional<char> extract_choice(std::string_view text);

// 1 where the answer's choice is the label, or the choice that the label states; else 0.
double choice_accuracy(std::string_view label, std::string_view answer);

}  // namespace golong::plugins

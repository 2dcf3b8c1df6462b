// How LongBench-Pro answers are read (paper C.2): the part after the answer marker, one item per line, lower-cased and
// with whitespace collapsed. Shared by accuracy, f1, sub_em, ndcg and pairwise.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "plugins/common/mode.h"

namespace golong::plugins {

// What follows the last "[Answer]", else the last "[答案]", else all of it; stripped.
std::string_view answer_area(std::string_view text);

// One item of the gold list: lower, strip, collapse.
std::string normalize_item(std::string_view item);
std::vector<std::string> normalize_items(const std::vector<std::string_view>& items);

// The predicted items. released: of everything that was generated, and blank lines are items (never empty: "" gives one
// empty item). strict: of what stands after the last </think>, and blank lines are none (may be empty).
std::vector<std::string> predicted_items(std::string_view text, std::string_view answer, Mode mode);

}  // namespace golong::plugins

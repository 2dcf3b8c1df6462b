// How LongBench-Pro answers are read (paper C.2): the part after the answer marker, one item per line, lower-cased and
// with whitespace collapsed. Shared by accuracy, f1, sub_em, ndcg and pairwise.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/common/item_index.h"
#include "plugins/common/mode.h"

namespace golong::plugins {

// What follows the last "[Answer]", else the last "[答案]", else all of it; stripped.
std::string_view answer_area(std::string_view text);

// One item of the gold list: lower, strip, collapse.
std::string normalize_item(std::string_view item);

// Items, normalised, and the text that they stand in.
struct Items {
  std::unique_ptr<std::string> text;
  ItemList list;
};

// The lines of a text as items ("" gives one blank line).
Items read_lines(std::string_view text, bool keep_blank);

// The predicted items. released: of everything that was generated, and blank lines are items (never empty: "" gives one
// empty item). strict: of what stands after the last </think>, and blank lines are none (may be empty).
Items predicted_items(std::string_view text, std::string_view answer, Mode mode);

// The first of them alone.
std::optional<std::string> first_predicted_item(std::string_view text, std::string_view answer, Mode mode);

}  // namespace golong::plugins

// Table intersection over union (paper C.6): rows of JSON tables compared as multisets of Python tuples of strings.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "plugins/common/item_index.h"
#include "plugins/common/mode.h"
#include "plugins/common/python_json.h"
#include "plugins/rewards/iou/table_reader.h"

namespace golong::plugins {

// The gold rows: distinct ones are numbered, counts[number] says how often each occurs. `readable` is false where
// golden_label is not JSON: every response then scores 0.
struct GoldTable {
  bool readable = true;
  std::unique_ptr<const TableRows> rows;  // which the index views
  ItemIndex index{0};
  std::vector<uint64_t> counts;
  uint64_t total = 0;
};

// Of a `ground_truth` column as it stands: its golden_label read as JSON, else itself, and of that the value of "data".
// Throws JsonLimit, and JsonError where "data" is no list, text or object (Python raises).
GoldTable gold_table(std::string_view ground_truth);

// What a response answers: the text between the first "<answer>" and the next "</answer>", else all of it; stripped.
// released looks through everything that was generated, strict through what stands after the last </think>.
std::string_view answer_text(std::string_view text, std::string_view answer, Mode mode);

// Intersection over union in [0, 1]. Throws JsonLimit.
double table_iou(const GoldTable& gold, std::string_view answer);

}  // namespace golong::plugins

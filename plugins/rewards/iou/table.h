// Table intersection over union (paper C.6): rows of JSON tables compared as multisets of Python tuples of strings.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "plugins/common/mode.h"
#include "plugins/common/python_json.h"

namespace golong::plugins {

// How often each row occurs. Keys tell lists from other values and cells from each other.
struct RowCounts {
  std::map<std::string, uint64_t, std::less<>> counts;
  uint64_t total = 0;
  void add(const JsonValue& row);
};

// Gold rows of a `ground_truth` column as it stands: its golden_label read as JSON, else itself, and of that the value
// of "data". `readable` is false where golden_label is not JSON: every response then scores 0.
// Throws JsonLimit, and JsonError where "data" is no list, text or object (Python raises).
struct GoldTable {
  bool readable = true;
  RowCounts rows;
};
GoldTable gold_table(std::string_view ground_truth);

// What a response answers: the text between the first "<answer>" and the next "</answer>", else all of it; stripped.
// released looks through everything that was generated, strict through what stands after the last </think>.
std::string_view answer_text(std::string_view text, std::string_view answer, Mode mode);

// Intersection over union in [0, 1]. Throws JsonLimit.
double table_iou(const GoldTable& gold, std::string_view answer);

}  // namespace golong::plugins

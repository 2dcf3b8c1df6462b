#include "plugins/rewards/iou/table.h"

#include <algorithm>

#include "plugins/common/unicode.h"

namespace golong::plugins {
namespace {

using Kind = JsonValue::Kind;

JsonValue text_value(std::string text) {
  JsonValue value;
  value.kind = Kind::string;
  value.text = std::move(text);
  return value;
}

// What Python's `for row in data` gives: the items of a list, the characters of a text, the keys of an object.
RowCounts rows_of(const JsonValue& data) {
  RowCounts rows;
  switch (data.kind) {
    case Kind::array:
      for (const JsonValue& row : data.items) rows.add(row);
      return rows;
    case Kind::string:
      for (size_t at = 0; at < data.text.size();) {
        size_t start = at;
        next_code_point(data.text, at);
        rows.add(text_value(data.text.substr(start, at - start)));
      }
      return rows;
    case Kind::object:
      for (const auto& [key, value] : data.members) rows.add(text_value(key));
      return rows;
    default:
      throw JsonError("\"data\" of the gold table is " + python_repr(data) + "; expected a list of rows");
  }
}

}  // namespace

void RowCounts::add(const JsonValue& row) {
  // Unambiguous: each cell carries its length, and a list has another first letter than a single value.
  std::string key;
  auto append = [&key](const std::string& cell) { key += std::to_string(cell.size()) + ":" + cell; };
  if (row.kind == Kind::array) {
    key = "L";
    for (const JsonValue& cell : row.items) append(python_str(cell));
  } else {
    key = "V";
    append(python_str(row));
  }
  ++counts[std::move(key)];
  ++total;
}

GoldTable gold_table(std::string_view ground_truth) {
  JsonValue gold = parse_json(ground_truth);
  GoldTable table;
  if (const JsonValue* label = gold.find("golden_label"); label) {
    if (label->kind != Kind::string) {
      table.readable = false;
      return table;
    }
    try {
      gold = parse_json(std::string(label->text));
    } catch (const JsonError&) {
      table.readable = false;
      return table;
    }
  }
  if (const JsonValue* data = gold.find("data"); data) table.rows = rows_of(*data);
  return table;
}

std::string_view answer_text(std::string_view text, std::string_view answer, Mode mode) {
  constexpr std::string_view open = "<answer>", close = "</answer>";
  std::string_view area = mode == Mode::strict ? answer : text;
  if (size_t at = area.find(open); at != area.npos) {
    area = area.substr(at + open.size());
    area = area.substr(0, area.find(close));
  }
  return strip(area);
}

double table_iou(const GoldTable& gold, std::string_view answer) {
  if (!gold.readable) return 0;
  RowCounts given;
  try {
    JsonValue value = parse_json(answer);
    if (const JsonValue* data = value.find("data"); data) {
      if (data->kind != Kind::array) return 0;
      given = rows_of(*data);
    }
  } catch (const JsonError&) {
    given = RowCounts{};  // counts as a table without rows
  }
  uint64_t common = 0;
  for (const auto& [row, count] : given.counts) {
    if (auto found = gold.rows.counts.find(row); found != gold.rows.counts.end()) {
      common += std::min(count, found->second);
    }
  }
  uint64_t all = given.total + gold.rows.total - common;
  return all == 0 ? 0 : static_cast<double>(common) / static_cast<double>(all);
}

}  // namespace golong::plugins

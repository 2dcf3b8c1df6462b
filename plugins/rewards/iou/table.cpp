#include "plugins/rewards/iou/table.h"

#include <optional>
#include <utility>

#include "plugins/common/unicode.h"

namespace golong::plugins {
namespace {

using Kind = JsonValue::Kind;

// What Python's `for row in data` gives where data is no list: the characters of a text, the keys of an object.
void add_rows_of(const JsonValue& data, TableRows& rows) {
  if (data.kind == Kind::string) {
    for (size_t at = 0; at < data.text.size();) {
      const size_t start = at;
      next_code_point(data.text, at);
      rows.add(std::string_view(data.text).substr(start, at - start));
    }
  } else if (data.kind == Kind::object) {
    for (const auto& [name, value] : data.members) rows.add(name);
  } else {
    throw JsonError("\"data\" of the gold table is " + python_repr(data) + "; expected a list of rows");
  }
}

}  // namespace

GoldTable gold_table(std::string_view ground_truth) {
  std::optional<TableDocument> document = read_table(ground_truth);
  if (const std::optional<JsonValue> label = document->label) {
    document = label->kind == Kind::string ? find_table(label->text) : std::nullopt;
  }
  GoldTable table;
  table.readable = document.has_value();
  if (!table.readable) return table;
  if (document->data) add_rows_of(*document->data, document->rows);
  table.rows = std::make_unique<const TableRows>(std::move(document->rows));
  const ItemList keys = table.rows->keys();
  table.index = ItemIndex(keys.size());
  table.counts.resize(keys.size());
  for (std::string_view key : keys) ++table.counts[table.index.add(key)];
  table.total = keys.size();
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
  const std::optional<TableDocument> document = find_table(answer);
  if (!document) return 0;  // counts as a table without rows
  const ItemList keys = document->rows.keys();
  std::vector<uint64_t> left = gold.counts;
  uint64_t common = 0;
  for (std::string_view key : keys) {
    const uint32_t number = gold.index.find(key);
    if (number == ItemIndex::kNone || left[number] == 0) continue;
    --left[number];
    ++common;
  }
  const uint64_t all = keys.size() + gold.total - common;
  return all == 0 ? 0 : static_cast<double>(common) / static_cast<double>(all);
}

}  // namespace golong::plugins

// Reads the rows of a JSON table straight into keys by which they are compared.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/common/json_reader.h"

namespace golong::plugins {

// One key for each row: equal keys, equal Python tuples of str(cell). Unambiguous: each cell is followed by its length,
// and a list has another last letter than a single value.
class TableRows {
 public:
  // The row at hand.
  void read(JsonReader& json);
  // A row that is a text.
  void add(std::string_view row);
  // They view this object.
  std::vector<std::string_view> keys() const;

 private:
  void read_cell(JsonReader& json);
  void end_cell(size_t start);
  void end_row(char kind);

  std::string text_;
  std::vector<size_t> ends_;
};

// What stands at the top of a document. Of members with one name the last counts.
struct TableDocument {
  TableRows rows;                  // of "data" where it is a list
  std::optional<JsonValue> data;   // "data" where it is something else
  std::optional<JsonValue> label;  // "golden_label"
};

// Throws JsonError and JsonLimit.
TableDocument read_table(std::string_view json);

// nullopt where the text is no JSON. Throws JsonLimit.
std::optional<TableDocument> find_table(std::string_view json);

}  // namespace golong::plugins

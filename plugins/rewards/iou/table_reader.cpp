#include "plugins/rewards/iou/table_reader.h"

#include <cstdint>

namespace golong::plugins {

void TableRows::read(JsonReader& json) {
  const bool is_list = json.peek() == '[';
  if (is_list) {
    json.items([&] { read_cell(json); });
  } else {
    read_cell(json);
  }
  end_row(is_list ? 'L' : 'V');
}

void TableRows::add(std::string_view row) {
  const size_t start = text_.size();
  text_ += row;
  end_cell(start);
  end_row('V');
}

// str() of the value at hand.
void TableRows::read_cell(JsonReader& json) {
  const size_t start = text_.size();
  if (json.peek() == '"') {
    json.string(text_);
  } else {
    append_python_str(text_, json.value());
  }
  end_cell(start);
}

void TableRows::end_cell(size_t start) {
  const uint64_t length = text_.size() - start;
  text_.append(reinterpret_cast<const char*>(&length), sizeof length);
}

void TableRows::end_row(char kind) {
  text_ += kind;
  ends_.push_back(text_.size());
}

std::vector<std::string_view> TableRows::keys() const {
  std::vector<std::string_view> keys;
  keys.reserve(ends_.size());
  size_t start = 0;
  for (size_t end : ends_) {
    keys.push_back(std::string_view(text_).substr(start, end - start));
    start = end;
  }
  return keys;
}

namespace {

void read_member(JsonReader& json, std::string_view name, TableDocument& document) {
  if (name == "golden_label") {
    document.label = json.value();
  } else if (name != "data") {
    json.value();
  } else {
    document.rows = {};
    document.data.reset();
    if (json.peek() == '[') {
      json.items([&] { document.rows.read(json); });
    } else {
      document.data = json.value();
    }
  }
}

void read_document(JsonReader& json, TableDocument& document) {
  json.begin();
  if (json.peek() == '{') {
    json.members([&](std::string_view name) { read_member(json, name, document); });
  } else {
    json.value();
  }
  json.end();
}

}  // namespace

std::optional<TableDocument> find_table(std::string_view text) {
  std::optional<TableDocument> document(std::in_place);
  JsonReader json(text);
  read_document(json, *document);
  if (!json.ok()) document.reset();
  return document;
}

TableDocument read_table(std::string_view text) {
  TableDocument document;
  JsonReader json(text);
  read_document(json, document);
  json.check();
  return document;
}

}  // namespace golong::plugins

#include "plugins/tasks/table_extraction/generate.h"

#include <boost/json.hpp>

namespace golong::table_extraction {

using namespace documents;

namespace {

struct Columns {
  const char* key;                  // what the first column holds
  std::vector<const char*> fields;  // candidates for the second
};

const Columns* columns_of(Shape shape) {
  static const Columns packages{"package", {"Section", "Section", "Installed-Size", "Version"}};
  static const Columns changelog{"version", {"urgency", "date", "maintainer"}};
  static const Columns manual{"option", {"description"}};
  switch (shape) {
    case Shape::packages:
      return &packages;
    case Shape::changelog:
      return &changelog;
    case Shape::manual:
      return &manual;
    default:
      return nullptr;
  }
}

// The value of the row stands in the key's own part of the context, after the key.
bool stands_with(const std::string& context, Shape shape, const std::string& key, const std::string& value) {
  std::string mark = shape == Shape::packages    ? "Package: " + key + "\n"
                     : shape == Shape::changelog ? "(" + key + ") "
                                                 : key + "\n";
  std::string end = shape == Shape::packages ? "\n\n" : shape == Shape::changelog ? "\n\n -- " : "\n\n";
  auto parts = split("\n" + context, shape == Shape::changelog ? mark : "\n" + mark);
  if (parts.size() != 2) return false;
  auto own = parts[1].substr(0, parts[1].find(end));
  if (shape == Shape::changelog) own = parts[1].substr(0, parts[1].find('\n', parts[1].find("\n -- ") + 1));
  return own.find(value) != std::string::npos;
}

}  // namespace

double suits(const Document& document) {
  auto records = read_records(document);
  return columns_of(records.shape) && records.list.size() >= 3 ? 1.0 : 0.0;
}

std::vector<Question> generate(const Document& document, const Request& request) {
  auto records = read_records(document);
  const Columns* columns = columns_of(records.shape);
  if (!columns) return {};
  bool chinese = document.chinese();
  return collect(document, request, "table_extraction", [&](Choices& choices) -> std::optional<Question> {
    auto window = choose_window(document, records, choices, request.max_context_bytes, 2, 4);
    if (!window) return std::nullopt;
    const char* field = choices.pick(columns->fields);
    boost::json::array rows;
    const auto some = few_of(window->records, choices);
    std::vector<std::string> keys;
    for (const auto& record : some) {
      keys.push_back(record.key);
      const std::string* value = record.field(field);
      if (!value || value->size() > 40 || record.key.size() > 24) return std::nullopt;
      if (!stands_with(window->text, records.shape, record.key, *value)) return std::nullopt;
      rows.push_back({boost::json::string(record.key), boost::json::string(*value)});
    }
    Question question{
        .context = window->text, .data_source = "multitableqa_pretraining", .reward_mode = "multitableqa_pretraining"};
    // Of a manual page "every" must mean these: no other line has an indented description below it.
    bool manual = records.shape == Shape::manual;
    if (manual && split(window->text, "\n    ").size() != window->records.size() + 1) return std::nullopt;
    if (some.size() == window->records.size()) {
      const char* what = chinese ? "把所有{}和{}列成表：" : "Make a table of every {} and its {}: ";
      question.question = fill(what, {columns->key, field});
    } else {
      const char* what = chinese ? "把{}和它们的{}列成表：" : "Make a table of {} and the {}: ";
      question.question = fill(what, {join(keys, chinese ? "、" : ", "), field});
    }
    question.question += fill("<answer>{\"data\": [[\"{}\", \"{}\"], ...]}</answer>", {columns->key, field});
    std::vector<std::string> lines;
    for (const auto& row : rows)
      lines.push_back("[" + boost::json::serialize(row.at(0)) + ", " + boost::json::serialize(row.at(1)) + "]");
    question.label = "{\"data\": [" + join(lines, ", ") + "]}";
    return question;
  });
}

}  // namespace golong::table_extraction

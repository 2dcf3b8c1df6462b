#include "plugins/tasks/structured_matching/generate.h"

#include <algorithm>

namespace golong::structured_matching {

using namespace documents;

namespace {

constexpr const char* kAggregate = "T8.2 Single-Source Targeted Aggregation";
constexpr const char* kCluster = "T6.1 Large-Scale Document Clustering";

Question ask(const std::string& context, const char* mode, const std::string& question, bool chinese) {
  Question made{.context = context, .data_source = "longbench_pro", .reward_mode = mode};
  made.question = question + (chinese ? "" : " ") + list_instruction(chinese);
  return made;
}

// Two to four of the window's records, in random order.
std::vector<Record> some_of(const Window& window, Choices& choices) {
  auto some = window.records;
  choices.shuffle(some);
  some.resize(std::min(some.size(), choices.between(2, 4)));
  return some;
}

std::vector<std::string> keys_of(const std::vector<Record>& list) {
  std::vector<std::string> keys;
  keys.reserve(list.size());
  for (const auto& record : list) keys.push_back(record.key);
  return keys;
}

// "Write each package with its Section, as "package: Section": b, a."
std::optional<Question> fields_of(const Document& document, const Records& records, Choices& choices, uint64_t bytes) {
  bool packages = records.shape == Shape::packages, chinese = document.chinese();
  auto window = choose_window(document, records, choices, bytes, 2, packages ? 5 : 4);
  if (!window) return std::nullopt;
  static const std::vector<const char*> of_package = {"Section", "Section", "Version", "Installed-Size"};
  static const std::vector<const char*> of_version = {"urgency", "maintainer", "date"};
  const char* field = choices.pick(packages ? of_package : of_version);
  auto some = some_of(*window, choices);
  auto keys = keys_of(some);
  if (!distinct(keys)) return std::nullopt;
  const char* what = chinese ? "写出{}的{}，格式为“名称: 值”。" : "Match {} to the {}, as \"name: value\".";
  auto question = ask(window->text, std::string(field) == "Section" ? kCluster : kAggregate,
                      fill(what, {join(keys, chinese ? "、" : ", "), field}), chinese);
  for (const auto& record : some) {
    const std::string* value = record.field(field);
    if (!value) return std::nullopt;
    question.items.push_back(record.key + ": " + *value);
    // The part of the context between this key and the next record holds the value.
    std::string mark = packages ? "Package: " + record.key + "\n" : "(" + record.key + ") ";
    auto parts = split(window->text, mark);
    if (parts.size() != 2) return std::nullopt;
    size_t end = packages ? parts[1].find("\n\n") : parts[1].find('\n', parts[1].find("\n -- ") + 1);
    if (parts[1].substr(0, end).find(*value) == std::string::npos) return std::nullopt;
  }
  return question;
}

// "Which option has each description? 1. sort by size 2. ..." with lines "1: --size"; of verses and paragraphs alike.
std::optional<Question> phrases_of(const Document& document, const Records& records, Choices& choices, uint64_t bytes) {
  bool chinese = document.chinese(), manual = records.shape == Shape::manual;
  bool listing = records.shape == Shape::listing;
  auto window = choose_window(document, records, choices, bytes, 2, 5);
  if (!window) return std::nullopt;
  std::vector<std::string> texts;
  for (auto& record : window->records) {
    texts.push_back(*record.field(manual ? "description" : "text"));
    if (records.shape == Shape::prose) record.key = "[" + std::to_string(texts.size()) + "]";
  }
  std::string context = records.shape == Shape::prose ? numbered(texts) : window->text;
  auto some = some_of(*window, choices);
  const char* what = manual    ? (chinese ? "找出每条说明对应的选项，格式为“编号: 选项”。"
                                          : "Match each description to its option, as \"number: option\".")
                     : listing ? (chinese ? "找出每条说明对应的软件包，格式为“编号: 名称”。"
                                          : "Match each description to its package, as \"number: package\".")
                     : records.shape == Shape::verses ? "Match each quote to its verse, as \"number: verse\"."
                     : chinese ? "找出每句引文所在的段落，格式为“编号: 段落”。"
                               : "Match each quote to its paragraph, as \"number: paragraph\".";
  auto question = ask(context, kAggregate, what, chinese);
  std::vector<std::string> phrases;
  for (const auto& record : some) {
    const auto& text = *record.field(manual ? "description" : "text");
    if (record.key.size() > 24) return std::nullopt;
    phrases.push_back(opening(text, 28, chinese));
    // Once in the context, in the line of its key (or, in a manual, in the line below).
    auto parts = split(context, phrases.back());
    if (phrases.back().size() < 6 || parts.size() != 2) return std::nullopt;
    std::string before = record.key + (manual ? "\n    " : listing ? " - " : " ");
    if (parts[0].size() < before.size() || parts[0].substr(parts[0].size() - before.size()) != before)
      return std::nullopt;
    std::string number = std::to_string(phrases.size());
    question.question += "\n" + number + ". " + phrases.back();
    question.items.push_back(number + ": " + record.key);
  }
  return question;
}

}  // namespace

double suits(const Document& document) {
  auto records = read_records(document);
  return records.shape != Shape::other && records.list.size() >= 3 ? 1.0 : 0.0;
}

std::vector<Question> generate(const Document& document, const Request& request) {
  auto records = read_records(document);
  return collect(document, request, "structured_matching", [&](Choices& choices) -> std::optional<Question> {
    if (records.shape == Shape::packages || records.shape == Shape::changelog)
      return fields_of(document, records, choices, request.max_context_bytes);
    if (records.shape == Shape::other) return std::nullopt;
    return phrases_of(document, records, choices, request.max_context_bytes);
  });
}

}  // namespace golong::structured_matching

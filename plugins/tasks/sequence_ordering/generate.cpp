#include "plugins/tasks/sequence_ordering/generate.h"

#include <algorithm>

namespace golong::sequence_ordering {

using namespace documents;

namespace {

constexpr const char* kTimeline = "T2.1 Global Timeline Reconstruction";
constexpr const char* kLocal = "T2.2 Local Causal Chain Sorting";

Question ask(const std::string& context, const char* mode, const std::string& question, std::vector<std::string> items,
             bool chinese) {
  Question made{.context = context, .data_source = "longbench_pro", .reward_mode = mode};
  made.question = question + (chinese ? "" : " ") + list_instruction(chinese);
  made.items = std::move(items);
  return made;
}

// Do the marks stand once each in the text, one after the other?
bool in_order(const std::string& text, const std::vector<std::string>& marks) {
  size_t last = 0;
  for (const auto& mark : marks) {
    size_t at = text.find(mark);
    if (at == std::string::npos || text.find(mark, at + 1) != std::string::npos || at < last) return false;
    last = at + 1;
  }
  return true;
}

// "Order as in the text: c, a, b." of the keys of records (packages, options).
std::optional<Question> keys_in_order(const Document& document, const Records& records, Choices& choices,
                                      uint64_t bytes) {
  std::string before = records.shape == Shape::packages ? "Package: " : "";
  std::string after = records.shape == Shape::listing ? " - " : "\n";
  auto window = choose_window(document, records, choices, bytes, 3, 6);
  if (!window) return std::nullopt;
  std::vector<std::string> items, marks;
  for (const auto& record : few_of(window->records, choices)) {
    items.push_back(record.key);
    marks.push_back(before);
    marks.back() += record.key;
    marks.back() += after;
    if (record.key.size() > 24 || record.key.find(", ") != std::string::npos) return std::nullopt;
  }
  if (!distinct(items) || !in_order(window->text, marks)) return std::nullopt;
  auto mixed = items;
  choices.shuffle(mixed);
  if (mixed == items) return std::nullopt;
  return ask(window->text, kLocal,
             document.chinese() ? "按文中的顺序排列：" + join(mixed, "、") + "。"
                                : "Order as in the text: " + join(mixed, ", ") + ".",
             items, document.chinese());
}

// "all versions", or in mixed order the names of those that are asked for.
std::string named(std::vector<std::string> items, const Window& window, const char* all, Choices& choices) {
  if (items.size() == window.records.size()) return all;
  choices.shuffle(items);
  return join(items, ", ");
}

// "Order all versions from oldest to newest." The log has the newest first.
std::optional<Question> versions_by_age(const Document& document, const Records& records, Choices& choices,
                                        uint64_t bytes) {
  auto window = choose_window(document, records, choices, bytes, 2, 5);
  if (!window) return std::nullopt;
  static const std::string months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::vector<std::string> items, marks;
  long last = 1L << 60;
  for (const auto& record : few_of(window->records, choices)) {  // the dates must fall strictly
    auto parts = split(*record.field("date"), " ");
    parts.erase(std::remove(parts.begin(), parts.end(), ""), parts.end());
    if (parts.size() != 3) return std::nullopt;
    size_t month = months.find(parts[1]);
    if (month == std::string::npos) return std::nullopt;
    long day = std::atol(parts[2].c_str()) * 10000 + static_cast<long>(month) * 100 + std::atol(parts[0].c_str());
    if (day >= last) return std::nullopt;
    last = day;
    items.push_back(record.key);
    marks.push_back("(" + record.key + ") ");
  }
  if (!in_order(window->text, marks)) return std::nullopt;
  std::reverse(items.begin(), items.end());
  return ask(window->text, kTimeline,
             fill("Order {} from oldest to newest.", {named(items, *window, "all versions", choices)}), items, false);
}

// Verses in mixed order; their numbers tell the right one.
std::optional<Question> mixed_verses(const Document& document, const Records& records, Choices& choices,
                                     uint64_t bytes) {
  auto window = choose_window(document, records, choices, bytes, 2, 5);
  if (!window) return std::nullopt;
  std::vector<std::string> items, lines;
  long last = 0;
  for (const auto& record : window->records) {
    long verse = std::atol(record.key.c_str() + record.key.find(':') + 1);
    if (verse <= last) return std::nullopt;
    last = verse;
    lines.push_back(document.text.substr(record.begin, record.end - record.begin));
  }
  for (const auto& record : few_of(window->records, choices)) items.push_back(record.key);
  auto mixed = lines;
  choices.shuffle(mixed);
  if (mixed == lines) return std::nullopt;
  return ask(join(mixed, "\n"), kTimeline, fill("Order {} by number.", {named(items, *window, "the verses", choices)}),
             items, false);
}

// Numbered paragraphs in the text's order; the question gives their openings in mixed order.
std::optional<Question> mixed_openings(const Document& document, const Records& records, Choices& choices,
                                       uint64_t bytes) {
  bool chinese = document.chinese();
  auto window = choose_window(document, records, choices, bytes, 1, 3);
  if (!window) return std::nullopt;
  auto pieces = sentences(window->text, chinese);
  if (pieces.size() < 3) return std::nullopt;
  if (pieces.size() <= 12) {
    pieces.resize(std::min<size_t>(pieces.size(), 5));
  } else {  // a long text: five from anywhere in it, in its order
    std::vector<std::string> some;
    for (size_t i = 0; i < 5; ++i) some.push_back(pieces[pieces.size() * i / 5 + choices.below(pieces.size() / 5)]);
    pieces = some;
  }
  std::vector<std::string> openings;
  for (const auto& piece : pieces) {
    auto parts = chinese ? characters(piece) : split(piece, " ");
    size_t count = chinese ? 6 : 3;
    if (parts.size() < count + 1) return std::nullopt;
    parts.resize(count);
    openings.push_back(join(parts, chinese ? "" : " "));
    if (openings.back().find('\n') != std::string::npos) return std::nullopt;
  }
  if (!distinct(openings) || !in_order(window->text, openings)) return std::nullopt;
  std::vector<size_t> order(openings.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  choices.shuffle(order);
  if (std::is_sorted(order.begin(), order.end())) return std::nullopt;
  std::string list;
  for (size_t i = 0; i < order.size(); ++i) list += "\n" + openings[order[i]];
  auto question =
      ask(window->text, kLocal, chinese ? "按文中的顺序排列这些句首。" : "Order these beginnings as in the text.",
          openings, chinese);
  question.question += list;
  return question;
}

}  // namespace

double suits(const Document& document) {
  auto records = read_records(document);
  return records.shape != Shape::other && records.list.size() >= 3 ? 1.0 : 0.0;
}

std::vector<Question> generate(const Document& document, const Request& request) {
  auto records = read_records(document);
  return collect(document, request, "sequence_ordering", [&](Choices& choices) -> std::optional<Question> {
    uint64_t bytes = request.max_context_bytes;
    switch (records.shape) {
      case Shape::packages:
      case Shape::listing:
      case Shape::manual:
        return keys_in_order(document, records, choices, bytes);
      case Shape::changelog:
        return versions_by_age(document, records, choices, bytes);
      case Shape::verses:
        return mixed_verses(document, records, choices, bytes);
      case Shape::prose:
        return mixed_openings(document, records, choices, bytes);
      case Shape::other:
        break;
    }
    return std::nullopt;
  });
}

}  // namespace golong::sequence_ordering

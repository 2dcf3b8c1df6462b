#include "plugins/tasks/exhaustive_retrieval/generate.h"

#include <algorithm>
#include <map>

namespace golong::exhaustive_retrieval {

using namespace documents;

namespace {

constexpr const char* kSubset = "T6.2 Targeted Subset Cluster Identification";
constexpr const char* kStatements = "T5.2 Key-Statement Citation Alignment";
constexpr const char* kChanges = "T9.2 Localized Interface Change Detection";

size_t most_items(uint64_t max_context_bytes) { return std::min<size_t>(scaled(7, max_context_bytes), 60); }

Question ask(const std::string& context, const char* mode, const std::string& question, bool chinese) {
  Question made{.context = context, .data_source = "longbench_pro", .reward_mode = mode};
  made.question = question + (chinese ? "" : " ") + list_instruction(chinese);
  return made;
}

// "List all packages with Section libs."
std::optional<Question> packages_of_section(const Document& document, const Records& records, Choices& choices,
                                            uint64_t max_bytes) {
  auto window = choose_window(document, records, choices, max_bytes, 3, 6);
  if (!window) return std::nullopt;
  // Sections of several packages are asked for more often than those of one.
  std::map<std::string, int> counts;
  for (const auto& record : window->records)
    if (const auto* section = record.field("Section")) ++counts[*section];
  std::vector<std::string> sections;
  for (const auto& [section, count] : counts) sections.insert(sections.end(), count * count, section);
  if (sections.empty()) return std::nullopt;
  const auto& section = choices.pick(sections);
  auto question =
      ask(window->text, kSubset,
          fill(document.chinese() ? "列出Section为{}的所有软件包。" : "List all packages with Section {}.", {section}),
          document.chinese());
  for (const auto& record : window->records)
    if (const auto* value = record.field("Section"); value && *value == section) question.items.push_back(record.key);
  // Once more from the lines: each "Section: X" belongs to the last "Package: " above it.
  std::vector<std::string> again;
  std::string package;
  for (const auto& line : split(question.context, "\n")) {
    if (line.rfind("Package: ", 0) == 0) package = line.substr(9);
    if (line == "Section: " + section) again.push_back(package);
  }
  if (again != question.items) return std::nullopt;
  return question;
}

// "List all bugs that are closed."
std::optional<Question> closed_bugs(const Document& document, const Records& records, Choices& choices,
                                    uint64_t max_bytes) {
  auto window = choose_window(document, records, choices, max_bytes, 1, 3);
  if (!window) return std::nullopt;
  auto question = ask(window->text, kChanges, "List all bugs that are closed.", false);
  for (const auto& record : window->records)
    question.items.insert(question.items.end(), record.items.begin(), record.items.end());
  if (question.items.empty() || question.items.size() > most_items(max_bytes) || !distinct(question.items))
    return std::nullopt;
  // Every "#" of the context is one of them, so that nothing else can be meant.
  size_t marks = static_cast<size_t>(std::count(question.context.begin(), question.context.end(), '#'));
  for (const auto& bug : question.items)
    if (occurrences(question.context, bug) != 1) return std::nullopt;
  if (marks != question.items.size()) return std::nullopt;
  return question;
}

// "List all versions with urgency low."
std::optional<Question> versions_with(const Document& document, const Records& records, Choices& choices,
                                      uint64_t max_bytes) {
  auto window = choose_window(document, records, choices, max_bytes, 2, 5);
  if (!window) return std::nullopt;
  const char* name = choices.chance(0.4) ? "urgency" : "maintainer";
  const std::string* value = choices.pick(window->records).field(name);
  if (!value) return std::nullopt;
  auto question = ask(window->text, kChanges, fill("List all versions with {} {}.", {name, *value}), false);
  for (const auto& record : window->records)
    if (const auto* own = record.field(name); own && *own == *value) question.items.push_back(record.key);
  // Each item's entry, cut out of the text, carries the value; no other entry does.
  std::string mark = std::string(name) == "urgency" ? "urgency=" + *value + "\n" : " -- " + *value + "  ";
  if (split(question.context + "\n", mark).size() != question.items.size() + 1) return std::nullopt;
  for (const auto& item : question.items)
    if (split(question.context, "(" + item + ") ").size() != 2) return std::nullopt;
  return question;
}

// "List all options."
std::optional<Question> all_options(const Document& document, const Records& records, Choices& choices,
                                    uint64_t max_bytes) {
  auto window = choose_window(document, records, choices, max_bytes, 2, 6);
  if (!window) return std::nullopt;
  auto question =
      ask(window->text, kSubset, document.chinese() ? "列出所有选项。" : "List all options.", document.chinese());
  for (const auto& record : window->records) question.items.push_back(record.key);
  if (!distinct(question.items) || question.items.size() > most_items(max_bytes)) return std::nullopt;
  // Lines that begin with a dash are these options and no others.
  std::vector<std::string> again;
  for (const auto& line : split(question.context, "\n"))
    if (!line.empty() && line[0] == '-') again.push_back(line);
  if (again != question.items) return std::nullopt;
  return question;
}

// Words that single out some records: in at least one and not in all, of four letters (two Han characters) or more.
std::vector<std::string> telling_words(const std::vector<Record>& list) {
  std::map<std::string, size_t> counts;
  for (const auto& record : list) {
    auto found = words(*record.field("text"));
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    for (const auto& word : found)
      if (word.size() >= 4) ++counts[word];
  }
  std::vector<std::string> telling;
  for (const auto& [word, count] : counts)
    if (count < list.size()) telling.insert(telling.end(), count > 1 ? 4 : 1, word);
  return telling;
}

// "List all verses with the word light." / "List all paragraphs with the word file."
std::optional<Question> places_of_word(const Document& document, const Records& records, Choices& choices,
                                       uint64_t max_bytes) {
  bool listing = records.shape == Shape::listing, keys_in_text = listing || records.shape == Shape::verses;
  auto window = choose_window(document, records, choices, max_bytes, 3, listing ? 7 : 5);
  if (!window) return std::nullopt;
  std::vector<std::string> keys, texts;
  for (const auto& record : window->records) {
    texts.push_back(*record.field("text"));
    keys.push_back(keys_in_text ? record.key : "[" + std::to_string(texts.size()) + "]");
  }
  auto telling = telling_words(window->records);
  if (telling.empty()) return std::nullopt;
  const std::string& word = choices.pick(telling);
  std::string what = listing
                         ? (document.chinese() ? "列出包含“{}”的所有软件包。" : "List all packages with the word {}.")
                     : document.chinese() ? "列出包含“{}”的所有段落。"
                     : keys_in_text       ? "List all verses with the word {}."
                                          : "List all paragraphs with the word {}.";
  auto question =
      ask(keys_in_text ? window->text : numbered(texts), kStatements, fill(what, {word}), document.chinese());
  for (size_t i = 0; i < texts.size(); ++i)
    if (occurrences(texts[i], word) > 0) question.items.push_back(keys[i]);
  if (question.items.empty() || question.items.size() == texts.size()) return std::nullopt;
  if (question.items.size() > most_items(max_bytes)) return std::nullopt;
  // Line by line of the context: the items' lines have the word, the others do not have it even inside other words.
  auto lines = split(question.context, "\n");
  if (lines.size() != texts.size()) return std::nullopt;
  for (size_t i = 0; i < lines.size(); ++i) {
    bool listed = std::find(question.items.begin(), question.items.end(), keys[i]) != question.items.end();
    if (lines[i].compare(0, keys[i].size() + 1, keys[i] + " ") != 0) return std::nullopt;
    if ((lower(lines[i]).find(lower(word)) != std::string::npos) != listed) return std::nullopt;
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
  return collect(document, request, "exhaustive_retrieval", [&](Choices& choices) -> std::optional<Question> {
    uint64_t bytes = request.max_context_bytes;
    switch (records.shape) {
      case Shape::packages:
        return packages_of_section(document, records, choices, bytes);
      case Shape::changelog:
        return choices.chance(0.6) ? closed_bugs(document, records, choices, bytes)
                                   : versions_with(document, records, choices, bytes);
      case Shape::manual:
        return all_options(document, records, choices, bytes);
      case Shape::listing:
      case Shape::verses:
      case Shape::prose:
        return places_of_word(document, records, choices, bytes);
      case Shape::other:
        break;
    }
    return std::nullopt;
  });
}

}  // namespace golong::exhaustive_retrieval

#include "plugins/common/document_lookup.h"

#include <algorithm>

namespace golong::documents {
namespace {

using Lists = std::initializer_list<const std::vector<Record>*>;

// Adds to `lookup.others` what is neither the answer nor there yet.
void add_other(Lookup& lookup, const std::string& value) {
  if (value != lookup.answer && !value.empty() &&
      std::find(lookup.others.begin(), lookup.others.end(), value) == lookup.others.end())
    lookup.others.push_back(value);
}

// "What is the Section of package acl?"
std::optional<Lookup> package_field(const Document& document, const Records& records, Choices& choices,
                                    uint64_t max_bytes) {
  auto window = choose_window(document, records, choices, max_bytes, 2, 4);
  if (!window) return std::nullopt;
  static const std::vector<std::string> fields = {"Version", "Section", "Section", "Installed-Size"};
  const auto& name = choices.pick(fields);
  const auto& record = choices.pick(window->records);
  const std::string* value = record.field(name);
  if (!value) return std::nullopt;
  Lookup lookup{.context = window->text, .answer = *value};
  lookup.question = fill(document.chinese() ? "软件包{}的{}是什么？" : "What is the {} of {}?",
                         document.chinese() ? std::initializer_list<std::string_view>{record.key, name}
                                            : std::initializer_list<std::string_view>{name, record.key});
  for (const auto* list : Lists{&window->records, &records.list})
    for (const auto& other : *list)
      if (const auto* wrong = other.field(name)) add_other(lookup, *wrong);
  // Read again from the lines of the context: the stanza of this package has this value.
  auto stanza = split(lookup.context, "Package: " + record.key + "\n");
  if (stanza.size() != 2) return std::nullopt;
  auto own = split(stanza[1], "\n\n")[0];
  if (("\n" + own + "\n").find("\n" + name + ": " + *value + "\n") == std::string::npos) return std::nullopt;
  return lookup;
}

// "What is the urgency of version 1.2-3?"
std::optional<Lookup> changelog_field(const Document& document, const Records& records, Choices& choices,
                                      uint64_t max_bytes) {
  auto window = choose_window(document, records, choices, max_bytes, 2, 3);
  if (!window) return std::nullopt;
  static const std::vector<std::string> fields = {"urgency", "date", "date", "maintainer", "maintainer"};
  const auto& name = choices.pick(fields);
  const auto& record = choices.pick(window->records);
  const std::string* value = record.field(name);
  if (!value) return std::nullopt;
  Lookup lookup{.context = window->text, .answer = *value};
  lookup.question = fill("What is the {} of version {}?", {name, record.key});
  for (const auto* list : Lists{&window->records, &records.list})
    for (const auto& other : *list)
      if (const auto* wrong = other.field(name)) add_other(lookup, *wrong);
  if (name == "urgency")
    for (const char* level : {"low", "medium", "high", "emergency"}) add_other(lookup, level);
  // The entry of this version, cut out of the context, names the value in its first or in its last line.
  auto entry = split(lookup.context, "(" + record.key + ") ");
  if (entry.size() != 2) return std::nullopt;
  size_t end = entry[1].find("\n -- ");
  if (end == std::string::npos) return std::nullopt;
  auto first = entry[1].substr(0, entry[1].find('\n'));
  auto last = entry[1].substr(end + 5, entry[1].find('\n', end + 1) - end - 5);
  if ((name == "urgency" ? first : last).find(*value) == std::string::npos) return std::nullopt;
  return lookup;
}

// "Which option: "sort by size"?"
std::optional<Lookup> described_option(const Document& document, const Records& records, Choices& choices,
                                       uint64_t max_bytes) {
  auto window = choose_window(document, records, choices, max_bytes, 3, 5);
  if (!window) return std::nullopt;
  const auto& record = choices.pick(window->records);
  std::string text = opening(*record.field("description"), 36, document.chinese());
  if (text.size() < 8 || record.key.size() > 24 || occurrences(window->text, record.key) != 1) return std::nullopt;
  size_t at = window->text.find(text);
  if (at == std::string::npos || window->text.find(text, at + 1) != std::string::npos) return std::nullopt;
  Lookup lookup{.context = window->text, .answer = record.key};
  lookup.question = fill(document.chinese() ? "哪一项的说明是“{}”？" : "Which option is described as \"{}\"?", {text});
  for (const auto* list : Lists{&window->records, &records.list})
    for (const auto& other : *list)
      if (other.key.size() <= 24) add_other(lookup, other.key);
  // The line above the description is the answer.
  if (lookup.context.find(record.key + "\n    " + text) == std::string::npos) return std::nullopt;
  return lookup;
}

// A run of `count` words of a text, as it stands there: from the word `first` on.
std::string run_of(const std::vector<std::string>& pieces, size_t first, size_t count, bool chinese) {
  std::vector<std::string> part(pieces.begin() + first, pieces.begin() + first + count);
  return join(part, chinese ? "" : " ");
}

// "Which verse says "and God said"?" "Which package is described as "XML library"?"
std::optional<Lookup> quoted_line(const Document& document, const Records& records, Choices& choices,
                                  uint64_t max_bytes) {
  bool verses = records.shape == Shape::verses, chinese = document.chinese();
  auto window = choose_window(document, records, choices, max_bytes, verses ? 2 : 3, verses ? 4 : 6);
  if (!window) return std::nullopt;
  const auto& record = choices.pick(window->records);
  auto pieces = chinese ? characters(*record.field("text")) : split(*record.field("text"), " ");
  if (pieces.size() < (verses ? 6 : 2)) return std::nullopt;
  // Of a verse four words from anywhere, of a description its first words.
  std::string phrase = verses ? run_of(pieces, choices.below(pieces.size() - 3), 4, chinese)
                              : opening(*record.field("text"), 30, chinese);
  size_t at = window->text.find(phrase);
  if (phrase.size() < 6) return std::nullopt;
  if (window->text.find(phrase, at + 1) != std::string::npos) return std::nullopt;
  Lookup lookup{.context = window->text, .answer = record.key};
  lookup.question = fill(verses    ? "Which verse says \"{}\"?"
                         : chinese ? "哪个软件包的说明是“{}”？"
                                   : "Which package is described as \"{}\"?",
                         {phrase});
  for (const auto* list : Lists{&window->records, &records.list})
    for (const auto& other : *list) add_other(lookup, other.key);
  // The phrase stands in the line that begins with the answer.
  size_t line = window->text.rfind('\n', at);
  line = line == std::string::npos ? 0 : line + 1;
  if (window->text.compare(line, record.key.size() + 1, record.key + " ") != 0) return std::nullopt;
  return lookup;
}

// "Which words follow "In the beginning"?"
std::optional<Lookup> following_words(const Document& document, const Records& records, Choices& choices,
                                      uint64_t max_bytes) {
  bool chinese = document.chinese();
  auto window = choose_window(document, records, choices, max_bytes, 1, 2);
  if (!window) return std::nullopt;
  auto pieces = chinese ? characters(*choices.pick(window->records).field("text"))
                        : split(*choices.pick(window->records).field("text"), " ");
  const size_t shown = chinese ? 5 : 3, asked = chinese ? 3 : 2;
  if (pieces.size() < 3 * (shown + asked)) return std::nullopt;
  size_t first = choices.below(pieces.size() - shown - asked + 1);
  Lookup lookup{.context = window->text, .answer = run_of(pieces, first + shown, asked, chinese)};
  std::string phrase = run_of(pieces, first, shown, chinese);
  auto clean = [&](const std::string& run) {  // an answer without punctuation
    return chinese ? all_han(run) : run.find_first_of(".,;:!?\"()") == std::string::npos;
  };
  if (!clean(lookup.answer) || phrase.find('"') != std::string::npos || (chinese && !all_han(phrase)))
    return std::nullopt;
  lookup.question =
      chinese ? fill("“{}”后面的三个字是什么？", {phrase}) : fill("Which two words follow \"{}\"?", {phrase});
  for (int i = 0; i < 30 && lookup.others.size() < 6; ++i) {
    auto other = run_of(pieces, choices.below(pieces.size() - asked + 1), asked, chinese);
    if (clean(other)) add_other(lookup, other);
  }
  // The phrase stands once in the context, and the answer right after it.
  auto around = split(lookup.context, phrase);
  std::string expected = (chinese ? "" : " ") + lookup.answer;
  if (around.size() != 2 || around[1].compare(0, expected.size(), expected) != 0) return std::nullopt;
  return lookup;
}

}  // namespace

std::optional<Lookup> choose_lookup(const Document& document, const Records& records, Choices& choices,
                                    uint64_t max_bytes) {
  switch (records.shape) {
    case Shape::packages:
      return package_field(document, records, choices, max_bytes);
    case Shape::changelog:
      return changelog_field(document, records, choices, max_bytes);
    case Shape::manual:
      return described_option(document, records, choices, max_bytes);
    case Shape::listing:
    case Shape::verses:
      return quoted_line(document, records, choices, max_bytes);
    case Shape::prose:
      return following_words(document, records, choices, max_bytes);
    case Shape::other:
      break;
  }
  return std::nullopt;
}

double suits_lookup(const Document& document) {
  auto records = read_records(document);
  return records.shape != Shape::other && records.list.size() >= 4 ? 1.0 : 0.0;
}

}  // namespace golong::documents

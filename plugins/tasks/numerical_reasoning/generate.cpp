#include "plugins/tasks/numerical_reasoning/generate.h"

#include <algorithm>
#include <charconv>

namespace golong::numerical_reasoning {

using namespace documents;

namespace {

std::optional<long> number(const std::string* text) {
  long value = 0;
  if (!text) return std::nullopt;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::optional<Question> ask(const std::string& context, const std::string& question, long answer, long again,
                            bool chinese) {
  if (answer != again) return std::nullopt;  // the second count, from the context alone, must agree
  Question made{
      .context = context, .data_source = "math_longcot_math_verify", .reward_mode = "math_longcot_math_verify"};
  made.question = question + (chinese ? "把数字写在\\boxed{}里。" : " Write the number in \\boxed{}.");
  made.label = std::to_string(answer);
  return made;
}

long lines_that(const std::string& text, const auto& test) {
  auto lines = split(text, "\n");
  return std::count_if(lines.begin(), lines.end(), test);
}

// "How many packages have Section libs?"
std::optional<Question> count_section(const Document& document, const Window& window, Choices& choices) {
  const auto* section = choices.pick(window.records).field("Section");
  if (!section) return std::nullopt;
  long count = std::count_if(window.records.begin(), window.records.end(), [&](const Record& record) {
    const auto* value = record.field("Section");
    return value && *value == *section;
  });
  long again = lines_that(window.text, [&](const std::string& line) { return line == "Section: " + *section; });
  return ask(
      window.text,
      fill(document.chinese() ? "有几个软件包的Section是{}？" : "How many packages have Section {}?", {*section}),
      count, again, document.chinese());
}

// "What is the Installed-Size of acl plus that of attr?" of small sizes.
std::optional<Question> sum_sizes(const Document& document, const Window& window, Choices& choices) {
  std::vector<std::pair<std::string, long>> sizes;
  for (const auto& record : window.records)
    if (auto size = number(record.field("Installed-Size")); size && *size < 100) sizes.emplace_back(record.key, *size);
  if (sizes.size() < 2) return std::nullopt;
  choices.shuffle(sizes);
  auto [a, b] = std::pair(sizes[0], sizes[1]);
  bool plus = choices.chance(0.5);
  if (!plus && a.second < b.second) std::swap(a, b);
  long again = 0;
  for (const auto& [key, sign] : {std::pair(a.first, 1), std::pair(b.first, plus ? 1 : -1)}) {
    auto after = split(window.text, "Package: " + key + "\n");
    if (after.size() != 2) return std::nullopt;
    std::string value = split(split(after[1], "Installed-Size: ").at(1), "\n")[0];
    again += sign * number(&value).value_or(-1000000);
  }
  const char* what = document.chinese()
                         ? (plus ? "{}与{}的Installed-Size之和是多少？" : "{}与{}的Installed-Size之差是多少？")
                         : (plus ? "What is the Installed-Size of {} plus that of {}?"
                                 : "What is the Installed-Size of {} minus that of {}?");
  return ask(window.text, fill(what, {a.first, b.first}), plus ? a.second + b.second : a.second - b.second, again,
             document.chinese());
}

std::optional<Question> of_packages(const Document& document, const Records& records, Choices& choices,
                                    uint64_t bytes) {
  auto window = choose_window(document, records, choices, bytes, 2, 6);
  if (!window) return std::nullopt;
  double kind = choices.below(100);
  if (kind < 25) return sum_sizes(document, *window, choices);
  if (kind < 65) return count_section(document, *window, choices);
  long again = lines_that(window->text, [](const std::string& line) { return line.rfind("Package: ", 0) == 0; });
  return ask(window->text, document.chinese() ? "文中有几个软件包？" : "How many packages are listed?",
             static_cast<long>(window->records.size()), again, document.chinese());
}

std::optional<Question> of_changelog(const Document& document, const Records& records, Choices& choices,
                                     uint64_t bytes) {
  auto window = choose_window(document, records, choices, bytes, 1, 4);
  if (!window) return std::nullopt;
  switch (choices.below(3)) {
    case 0: {  // versions
      long again = static_cast<long>(split(window->text, "; urgency=").size()) - 1;
      return ask(window->text, "How many versions are listed?", static_cast<long>(window->records.size()), again,
                 false);
    }
    case 1: {  // changes of one version
      const auto& record = choices.pick(window->records);
      auto entry = split(window->text, "(" + record.key + ") ");
      if (record.changes == 0 || entry.size() != 2) return std::nullopt;
      long again = static_cast<long>(split(split(entry[1], "\n -- ")[0], "\n  * ").size()) - 1;
      return ask(window->text, fill("How many changes (*) has version {}?", {record.key}),
                 static_cast<long>(record.changes), again, false);
    }
    default: {  // closed bugs
      size_t bugs = 0;
      for (const auto& record : window->records) bugs += record.items.size();
      long again = std::count(window->text.begin(), window->text.end(), '#');
      return ask(window->text, "How many bugs are closed?", static_cast<long>(bugs), again, false);
    }
  }
}

std::optional<Question> of_manual(const Document& document, const Records& records, Choices& choices, uint64_t bytes) {
  auto window = choose_window(document, records, choices, bytes, 1, 6);
  if (!window) return std::nullopt;
  long again = lines_that(window->text, [](const std::string& line) { return !line.empty() && line[0] == '-'; });
  return ask(window->text, document.chinese() ? "文中有几个选项？" : "How many options are listed?",
             static_cast<long>(window->records.size()), again, document.chinese());
}

// "How many times does the word light stand in the text?"
std::optional<Question> of_words(const Document& document, const Records& records, Choices& choices, uint64_t bytes) {
  auto window = choose_window(document, records, choices, bytes, 1, records.shape == Shape::listing ? 7 : 5);
  if (!window) return std::nullopt;
  bool listing = records.shape == Shape::listing;
  if ((listing || records.shape == Shape::verses) && choices.chance(listing ? 0.5 : 0.3)) {
    long again = std::count(window->text.begin(), window->text.end(), '\n') + 1;
    const char* what = !listing             ? "How many verses are listed?"
                       : document.chinese() ? "文中有几个软件包？"
                                            : "How many packages are listed?";
    return ask(window->text, what, static_cast<long>(window->records.size()), again, document.chinese());
  }
  auto found = words(window->text);
  if (found.empty()) return std::nullopt;
  const std::string& word = choices.pick(found);
  long count = static_cast<long>(occurrences(window->text, word));
  // Most words occur once: ask for fewer of them.
  if (word.size() < 3 || count > static_cast<long>(scaled(9, bytes)) || (count == 1 && choices.chance(0.8)))
    return std::nullopt;
  // Capitals and longer words with the same letters would leave room for doubt.
  std::string folded = lower(word);
  long again = static_cast<long>(split(lower(window->text), folded).size()) - 1;
  return ask(window->text,
             fill(document.chinese() ? "“{}”出现了几次？" : "How many times does the word \"{}\" occur?", {word}),
             count, again, document.chinese());
}

}  // namespace

double suits(const Document& document) {
  auto records = read_records(document);
  return records.shape != Shape::other && records.list.size() >= 3 ? 1.0 : 0.0;
}

std::vector<Question> generate(const Document& document, const Request& request) {
  auto records = read_records(document);
  return collect(document, request, "numerical_reasoning", [&](Choices& choices) -> std::optional<Question> {
    uint64_t bytes = request.max_context_bytes;
    switch (records.shape) {
      case Shape::packages:
        return of_packages(document, records, choices, bytes);
      case Shape::changelog:
        return of_changelog(document, records, choices, bytes);
      case Shape::manual:
        return of_manual(document, records, choices, bytes);
      case Shape::listing:
      case Shape::verses:
      case Shape::prose:
        return of_words(document, records, choices, bytes);
      case Shape::other:
        break;
    }
    return std::nullopt;
  });
}

}  // namespace golong::numerical_reasoning

#include "plugins/tasks/graded_ranking/generate.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace golong::graded_ranking {

using namespace documents;

namespace {

constexpr const char* kGlobal = "T1.1 Global Cohesive Retrieval";
constexpr const char* kSnippets = "T1.2 Key-Snippet Retrieval";

struct Graded {
  std::string name;
  long grade;
};

// Names by falling grade; nothing where two grades are equal, so that there is one right order.
std::optional<std::vector<std::string>> ranked(std::vector<Graded> list) {
  std::sort(list.begin(), list.end(), [](const Graded& a, const Graded& b) { return a.grade > b.grade; });
  std::vector<std::string> names;
  for (size_t i = 0; i < list.size(); ++i) {
    if (i && list[i].grade == list[i - 1].grade) return std::nullopt;
    names.push_back(list[i].name);
  }
  return names;
}

Question ask(const std::string& context, const char* mode, const std::string& question, std::vector<std::string> items,
             bool chinese) {
  Question made{.context = context, .data_source = "longbench_pro", .reward_mode = mode};
  made.question = question + (chinese ? "" : " ") + list_instruction(chinese);
  made.items = std::move(items);
  return made;
}

long number(const std::string& text) {
  long value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "all packages", or the names of those that are asked for.
std::string named(const std::vector<Record>& some, const Window& window, const char* all, bool chinese) {
  if (some.size() == window.records.size()) return all;
  std::vector<std::string> names;
  names.reserve(some.size());
  for (const auto& record : some) names.push_back(record.key);
  return join(names, chinese ? "、" : ", ");
}

// "Rank all packages by Installed-Size, largest first."
std::optional<Question> by_size(const Document& document, const Records& records, Choices& choices, uint64_t bytes) {
  auto window = choose_window(document, records, choices, bytes, 2, 5);
  if (!window) return std::nullopt;
  std::vector<Graded> grades;
  const auto some = few_of(window->records, choices);
  for (const auto& record : some) {
    const auto* size = record.field("Installed-Size");
    if (!size) return std::nullopt;
    grades.push_back({record.key, number(*size)});
  }
  auto order = ranked(grades);
  if (!order) return std::nullopt;
  std::string which = named(some, *window, document.chinese() ? "所有软件包" : "all packages", document.chinese());
  auto question =
      ask(window->text, kGlobal,
          fill(document.chinese() ? "按Installed-Size从大到小排列{}。" : "Rank {} by Installed-Size, largest first.",
               {which}),
          *order, document.chinese());
  long last = 1L << 60;
  for (const auto& name : question.items) {  // once more, from the lines below each name
    auto parts = split(question.context, "Package: " + name + "\n");
    if (parts.size() != 2) return std::nullopt;
    long size = number(split(split(parts[1], "\nInstalled-Size: ").at(1), "\n")[0]);
    if (size < 0 || size >= last) return std::nullopt;
    last = size;
  }
  return question;
}

// "Rank all versions by the number of changes (*), most first."
std::optional<Question> by_changes(const Records& records, const Document& document, Choices& choices, uint64_t bytes) {
  auto window = choose_window(document, records, choices, bytes, 2, 4);
  if (!window) return std::nullopt;
  std::vector<Graded> grades;
  const auto some = few_of(window->records, choices);
  grades.reserve(some.size());
  for (const auto& record : some) grades.push_back({record.key, static_cast<long>(record.changes)});
  auto order = ranked(grades);
  if (!order) return std::nullopt;
  std::string which = named(some, *window, "all versions", false);
  auto question =
      ask(window->text, kGlobal, fill("Rank {} by the number of changes (*), most first.", {which}), *order, false);
  size_t last = question.context.size();
  for (const auto& name : question.items) {
    auto parts = split(question.context, "(" + name + ") ");
    if (parts.size() != 2) return std::nullopt;
    size_t changes = split(parts[1].substr(0, parts[1].find("\n -- ")), "\n  * ").size();
    if (changes >= last) return std::nullopt;
    last = changes;
  }
  return question;
}

// "Rank the paragraphs by how often "the" occurs, most first." Those without the word are left out.
std::optional<Question> by_word(const Document& document, const std::vector<std::pair<std::string, std::string>>& parts,
                                const std::string& context, Choices& choices, const char* what) {
  std::string all;
  for (const auto& part : parts) all += part.second + "\n";
  auto found = words(all);
  std::map<std::string, int> seen;
  for (const auto& word : found) ++seen[word];
  std::vector<std::pair<std::string, std::vector<std::string>>> candidates;
  const size_t stride = seen.size() / 300 + 1;  // of the many words of a long text every so-many-th is tried
  size_t place = 0;
  for (const auto& [word, count] : seen) {
    if (count < 3 || ++place % stride != 0) continue;
    std::vector<Graded> grades;
    for (const auto& [name, text] : parts)
      if (long often = static_cast<long>(occurrences(text, word))) grades.push_back({name, often});
    if (grades.size() < 2) continue;
    if (auto order = ranked(grades)) candidates.emplace_back(word, *order);
  }
  if (candidates.empty()) return std::nullopt;
  const auto& [word, order] = choices.pick(candidates);
  auto question = ask(context, kSnippets, fill(what, {word}), order, document.chinese());
  // Once more, from the lines of the context: cut at the word, with its neighbours looked at.
  std::map<std::string, size_t> again;
  for (const auto& line : split(context, "\n")) {
    auto space = line.find(' ');
    if (space == std::string::npos) return std::nullopt;
    again[line.substr(0, space)] = occurrences(line.substr(space), word);
  }
  size_t last = context.size(), listed = 0;
  for (const auto& name : question.items) {
    if (again[name] == 0 || again[name] >= last) return std::nullopt;
    last = again[name];
  }
  for (const auto& [name, count] : again) listed += count > 0;
  if (listed != question.items.size()) return std::nullopt;
  return question;
}

std::optional<Question> of_text(const Document& document, const Records& records, Choices& choices, uint64_t bytes) {
  bool verses = records.shape == Shape::verses;
  auto window = choose_window(document, records, choices, bytes, 2, 5);
  if (!window) return std::nullopt;
  std::vector<std::pair<std::string, std::string>> parts;
  std::vector<std::string> texts;
  for (const auto& record : window->records) {
    texts.push_back(*record.field("text"));
    parts.emplace_back(verses ? record.key : "[" + std::to_string(texts.size()) + "]", texts.back());
  }
  const char* what = document.chinese() ? "按“{}”出现的次数从多到少排列包含它的段落。"
                     : verses           ? "Rank the verses with \"{}\" by how often it occurs, most first."
                                        : "Rank the paragraphs with \"{}\" by how often it occurs, most first.";
  return by_word(document, parts, verses ? window->text : numbered(texts), choices, what);
}

}  // namespace

double suits(const Document& document) {
  auto records = read_records(document);
  bool graded = records.shape == Shape::packages || records.shape == Shape::changelog ||
                records.shape == Shape::verses || records.shape == Shape::prose;
  return graded && records.list.size() >= 3 ? 1.0 : 0.0;
}

std::vector<Question> generate(const Document& document, const Request& request) {
  auto records = read_records(document);
  return collect(document, request, "graded_ranking", [&](Choices& choices) -> std::optional<Question> {
    uint64_t bytes = request.max_context_bytes;
    switch (records.shape) {
      case Shape::packages:
        return by_size(document, records, choices, bytes);
      case Shape::changelog:
        return by_changes(records, document, choices, bytes);
      case Shape::verses:
      case Shape::prose:
        return of_text(document, records, choices, bytes);
      default:
        return std::nullopt;
    }
  });
}

}  // namespace golong::graded_ranking

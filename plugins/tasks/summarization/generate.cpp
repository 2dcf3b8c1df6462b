#include "plugins/tasks/summarization/generate.h"

#include <algorithm>
#include <set>

namespace golong::summarization {

using namespace documents;

namespace {

constexpr const char* kGlobal = "T4.1 Global-Coverage Constrained Summary";

// A text and the summary of it that stands in the document.
struct Pair {
  std::string text, summary;
};

// A description's first line, and what follows.
std::optional<Pair> of_description(const Document& document) {
  size_t gap = document.text.find("\n\n");
  if (gap == std::string::npos) return std::nullopt;
  return Pair{document.text.substr(gap + 2), document.text.substr(0, gap)};
}

// "ls - list directory contents" of a manual page, and its description.
std::optional<Pair> of_manual(const Document& document, uint64_t max_bytes) {
  auto blocks = split(document.text, "\n\n");
  static const std::set<std::string> headings = {"DESCRIPTION", "描述", "描述 DESCRIPTION", "DESCRIPTION 描述",
                                                 "DESCRIPTION(描述)"};
  auto begin =
      std::find_if(blocks.begin(), blocks.end(), [](const std::string& block) { return headings.count(block) > 0; });
  if (blocks.size() < 4 || begin == blocks.end()) return std::nullopt;
  size_t dash = blocks[1].find(" - ");
  if (dash == std::string::npos) return std::nullopt;
  std::vector<std::string> text;
  size_t bytes = 0;
  for (auto block = begin + 1; block != blocks.end() && text.size() < scaled(3, max_bytes); ++block) {
    bytes += block->size() + 2;
    if (block->find("\n    ") != std::string::npos || block->size() < 24) break;
    if (text.size() >= 3 && bytes > max_bytes) break;
    text.push_back(*block);
  }
  return Pair{join(text, "\n\n"), std::string(trim(blocks[1].substr(dash + 3)))};
}

// A section's heading without its number, and its first paragraph; for a long context as many as fit.
std::optional<Pair> of_section(const Document& document, Choices& choices, uint64_t max_bytes) {
  auto blocks = split(document.text, "\n\n");
  std::vector<size_t> starts;
  for (size_t i = 0; i + 1 < blocks.size(); ++i)
    if (blocks[i].substr(0, 2) == "# " && blocks[i + 1].substr(0, 2) != "# ") starts.push_back(i);
  if (starts.empty()) return std::nullopt;
  size_t at = choices.pick(starts);
  std::string heading = blocks[at].substr(2);
  size_t letter = heading.find_first_not_of("0123456789. ");
  if (letter == std::string::npos) return std::nullopt;
  std::string text = blocks[at + 1];
  for (size_t i = at + 2, count = 1; i < blocks.size() && count < scaled(1, max_bytes); ++i, ++count) {
    if (blocks[i].substr(0, 2) == "# " || text.size() + 2 + blocks[i].size() > max_bytes) break;
    text += "\n\n" + blocks[i];
  }
  return Pair{text, heading.substr(letter)};
}

// The share of the summary's words (Chinese: characters) that the text has, so that it can be told from the text.
double told_by(const Pair& pair, bool chinese) {
  auto units = [&](const std::string& text) { return chinese ? characters(lower(text)) : words(lower(text)); };
  auto summary = units(pair.summary), text = units(pair.text);
  std::set<std::string> known(text.begin(), text.end());
  if (summary.empty()) return 0;
  auto shared =
      std::count_if(summary.begin(), summary.end(), [&](const std::string& unit) { return known.count(unit) > 0; });
  return static_cast<double>(shared) / static_cast<double>(summary.size());
}

}  // namespace

double suits(const Document& document) {
  if (document.kind == "description") return of_description(document) ? 1.0 : 0.0;
  if (document.kind == "manual") return of_manual(document, 600) ? 1.0 : 0.0;
  return document.kind == "book" && read_records(document).shape == Shape::prose ? 0.3 : 0.0;
}

std::vector<Question> generate(const Document& document, const Request& request) {
  bool chinese = document.chinese();
  return collect(document, request, "summarization", [&](Choices& choices) -> std::optional<Question> {
    auto pair = document.kind == "description" ? of_description(document)
                : document.kind == "manual"    ? of_manual(document, request.max_context_bytes)
                                               : of_section(document, choices, request.max_context_bytes);
    if (!pair || pair->summary.size() < 6 || pair->summary.size() > 80 || pair->text.size() < 2 * pair->summary.size())
      return std::nullopt;
    if (pair->text.size() > request.max_context_bytes || told_by(*pair, chinese) < 0.6) return std::nullopt;
    if (pair->summary.find('\n') != std::string::npos) return std::nullopt;
    // Both stand in the document; the summary is not simply a part of the text to be copied whole with its
    // surroundings.
    if (document.text.find(pair->text) == std::string::npos || document.text.find(pair->summary) == std::string::npos)
      return std::nullopt;
    Question question{.context = pair->text, .data_source = "longbench_pro", .reward_mode = kGlobal};
    question.question = chinese ? "用一行概括上文。" : "Summarize the text in one line.";
    question.items = {pair->summary};
    return question;
  });
}

}  // namespace golong::summarization

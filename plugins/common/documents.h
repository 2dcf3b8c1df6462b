// Real documents as the task plugins see them: what a question is made from, and what it is.
//
// A document is read into records: stretches of its text that follow one another, each with a key (a package's name, a
// version, an option, a verse's number) and named fields. Questions ask for keys and values of neighbouring records, so
// that their context is a verbatim part of the document. All text is UTF-8. Nothing here has state; everything may be
// called from any thread.
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/common/unicode.h"

namespace golong::documents {

using plugins::lower;

struct Document {
  std::string id;
  std::string title;
  std::string kind;      // "packages", "changelog", "manual", "book", "description", ...
  std::string language;  // "English", "Chinese", ...
  std::string text;
  bool chinese() const { return language == "Chinese"; }
};

struct Request {
  uint64_t seed = 0;
  uint32_t max_questions = 1;
  uint64_t max_context_bytes = 0;
};

// One generated question. `label` for the tasks with a single answer, `items` for the others.
struct Question {
  std::string context;
  std::string question;
  std::string data_source;
  std::string reward_mode;
  std::vector<std::string> items;
  std::optional<std::string> label;
  std::string language;
};

// ------------------------------------------------------------------------------------------------------- records

// What a document consists of; decides which questions can be asked.
enum class Shape { packages, listing, changelog, manual, verses, prose, other };

struct Record {
  std::string key;                                          // "" in prose
  std::vector<std::pair<std::string, std::string>> fields;  // name, value, in the order of the text
  std::vector<std::string> items;                           // changelog: the bugs it closes, "#123456"
  size_t changes = 0;                                       // changelog: lines that start with "  * "
  size_t begin = 0, end = 0;                                // bytes of the document's text
  const std::string* field(std::string_view name) const;    // nullptr where it has none
};

struct Records {
  Shape shape = Shape::other;
  std::vector<Record> list;
};

Records read_records(const Document& document);

// ------------------------------------------------------------------------------------------------------- choices

// Numbers that depend on the key alone (splitmix64 over a counter).
class Choices {
 public:
  explicit Choices(uint64_t key) : key_(key) {}
  // A key from texts and numbers: the same ones give the same choices on every machine.
  static uint64_t key(uint64_t seed, std::initializer_list<std::string_view> texts);
  uint64_t bits();
  size_t below(size_t limit);               // uniform in [0, limit), limit > 0
  size_t between(size_t low, size_t high);  // uniform in [low, high]
  bool chance(double probability);
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  template <class T>
  void shuffle(std::vector<T>& list) {
    for (size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below(i)]);
  }

 private:
  uint64_t key_;
  uint64_t counter_ = 0;
};

// Neighbouring records and the text that they cover.
struct Window {
  std::vector<Record> records;
  std::string text;
};

// The sizes of windows below suit contexts of some hundred bytes; long contexts get more of everything.
constexpr size_t scaled(size_t count, uint64_t max_context_bytes) {
  return count * (max_context_bytes < 1200 ? 1 : max_context_bytes / 600);
}

// All records where they are few; of many, 4 to 8 in the order of the text: a question names them, so that its answer
// stays short whatever the length of the context.
std::vector<Record> few_of(const std::vector<Record>& records, Choices& choices);

// From `low` to scaled(`high`) neighbouring records whose text has at most `max_bytes`, chosen at random; nothing where
// `low` neighbours do not fit at the place that was chosen.
std::optional<Window> choose_window(const Document& document, const Records& records, Choices& choices,
                                    uint64_t max_bytes, size_t low, size_t high);

// Calls `make` with fresh choices until `request.max_questions` different questions came out or it failed too often.
std::vector<Question> collect(const Document& document, const Request& request, std::string_view task,
                              const std::function<std::optional<Question>(Choices&)>& make);

// --------------------------------------------------------------------------------------------------------- text

std::vector<std::string> split(std::string_view text, std::string_view separator);  // an empty separator: one part
std::string_view trim(std::string_view text);                                       // ASCII white space
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::vector<std::string> sentences(std::string_view text, bool chinese);  // ICU's sentence boundaries, trimmed
std::vector<std::string> characters(std::string_view text);               // code points

// Words of letters (with inner apostrophes and hyphens), as written; Chinese words as ICU's dictionary finds them.
std::vector<std::string> words(std::string_view text);

// Han characters and nothing else?
bool all_han(std::string_view text);

// The first words of a text, at most `bytes` long, cut between words (of Chinese text: between characters).
std::string opening(const std::string& text, size_t bytes, bool chinese);

// How often `word` stands in `text`: as a whole word (no letter, digit or "_" beside it), of Chinese text anywhere.
size_t occurrences(std::string_view text, std::string_view word);

// The paragraphs with "[1] ", "[2] ", ... before them, one a line.
std::string numbered(const std::vector<std::string>& parts);

// All values different, also to a metric that ignores case?
bool distinct(const std::vector<std::string>& values);

// Replaces "{}" by the values, one after the other.
std::string fill(std::string_view pattern, std::initializer_list<std::string_view> values);

// The instruction to write [Answer] (or [答案]) and then one item a line.
std::string list_instruction(bool chinese);
// "[Answer]\nitem\nitem": the answer to a question with that instruction.
std::string list_answer(const std::vector<std::string>& items, std::string_view language);

}  // namespace golong::documents

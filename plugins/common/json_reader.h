// Reads JSON as Python's json.loads does, value by value: for callers that keep something else than a tree.
#pragma once
#include <string>
#include <string_view>

#include "plugins/common/python_json.h"

namespace golong::plugins {

// Stands in the text before a value; each call reads on. Every call throws JsonLimit as parse_json does. Where the text
// is no JSON nothing more is there to read, values are null and strings end, and ok() is false: many answers of models
// are none, and an exception for each of them would cost more than the reading.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  // Before the only value of a document, and behind it.
  void begin();
  void end();

  bool ok() const { return problem_ == nullptr; }
  // Throws JsonError unless ok().
  void check() const;

  // First byte of the value at hand: '{', '[', '"', another for numbers and words; '\0' where nothing is left.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  // Reads the value at hand whole.
  JsonValue value();

  // Appends the string at hand, decoded. REQUIRES: peek() == '"'.
  void string(std::string& out);

  // Calls item() before each value of the array at hand, which it has to read. REQUIRES: peek() == '['.
  template <class Item>
  void items(const Item& item) {
    enter();
    if (leave(']')) return;
    do {
      item();
    } while (more(']'));
  }

  // Calls member(name) before the value of each member of the object at hand, which it has to read. Names may repeat.
  // REQUIRES: peek() == '{'.
  template <class Member>
  void members(const Member& member) {
    enter();
    if (leave('}')) return;
    std::string name;
    do {
      if (!read_name(name)) return;
      member(std::string_view(name));
    } while (more('}'));
  }

 private:
  void fail(const char* what);
  void skip_space();
  bool take(std::string_view word);
  bool digit() const { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; }
  void enter();
  bool leave(char close);
  bool more(char close);
  bool read_name(std::string& name);
  JsonValue number();
  JsonValue array();
  JsonValue object();
  void escape(std::string& out);
  unsigned hex4();
  char32_t unicode_escape();

  std::string_view text_;
  size_t at_ = 0;
  size_t depth_ = 0;  // containers around the value at hand
  const char* problem_ = nullptr;
  size_t problem_at_ = 0;
};

}  // namespace golong::plugins

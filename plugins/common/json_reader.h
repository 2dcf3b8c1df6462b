// Reads JSON as Python's json.loads does, value by value: for callers that keep something else than a tree.
#pragma once
#include <string>
#include <string_view>

#include "plugins/common/python_json.h"

namespace golong::plugins {

// Stands in the text before a value; each call reads on. Every call throws JsonError and JsonLimit as parse_json does;
// after that nothing more can be read.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  // Before the only value of a document, and behind it.
  void begin();
  void end();

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
      read_name(name);
      member(std::string_view(name));
    } while (more('}'));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void skip_space();
  bool take(std::string_view word);
  bool digit() const { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; }
  void enter();
  bool leave(char close);
  bool more(char close);
  void read_name(std::string& name);
  JsonValue number();
  JsonValue array();
  JsonValue object();
  void escape(std::string& out);
  unsigned hex4();
  char32_t unicode_escape();

  std::string_view text_;
  size_t at_ = 0;
  size_t depth_ = 0;  // containers around the value at hand
};

}  // namespace golong::plugins

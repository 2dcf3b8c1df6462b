// JSON that is sliced, not built: a value is the part of the text where it stands. Keeps numbers and nested values
// verbatim (a gold answer reaches its reward as it was written), accepts what Python's `json` writes and Boost.JSON
// refuses (NaN, Infinity, lone surrogates, any depth), and costs no tree for a prompt of a megabyte.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace golong {

// A view: the text must outlive it.
class JsonSlice {
 public:
  enum class Kind { absent, null, boolean, number, string, array, object };

  JsonSlice() = default;  // absent

  // Checks all of `text`. Throws Error ("column 17: expected ',' or '}'"). Nesting costs no stack.
  static JsonSlice parse(std::string_view text);

  Kind kind() const;
  bool is(Kind kind) const { return this->kind() == kind; }
  const char* kind_name() const;                   // "a string", "nothing", ...: for messages
  std::string_view text() const { return text_; }  // as it stands, without spaces around it

  // The characters of a string, escapes resolved; a lone surrogate becomes U+FFFD.
  std::string string() const;
  std::vector<JsonSlice> elements() const;           // of an array
  std::map<std::string, JsonSlice> members() const;  // of an object; of a key that stands twice the last

 private:
  explicit JsonSlice(std::string_view text) : text_(text) {}
  std::string_view text_;
};

// `text` as a JSON string, with quotes.
std::string json_quote(std::string_view text);

}  // namespace golong

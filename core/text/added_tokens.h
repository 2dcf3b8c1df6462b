// Tokens that were added to a vocabulary and stand for themselves in a text: "<|im_end|>", "<think>".
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace golong {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;      // left out when text is shown
  bool single_word = false;  // only where no letter or digit touches it
  bool lstrip = false;       // takes the spaces before it
  bool rstrip = false;       // takes the spaces after it
  bool normalized = false;   // looked for in the normalised text
};

// A part of a text: an added token (id >= 0, without the spaces that it takes), or what stands between two (-1).
struct TextPart {
  std::string_view text;
  int32_t id;
};

// Finds tokens in texts: from left to right, the longest at each place. The time is linear in the length of the text,
// however many tokens there are. Thread-safe.
class AddedTokenFinder {
 public:
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);

  std::vector<TextPart> split(std::string_view text) const;  // valid UTF-8; empty parts are left out

 private:
  const AddedToken* longest_at(std::string_view text, size_t position) const;

  std::array<std::vector<AddedToken>, 256> by_first_byte_;  // each in the order of their bytes
};

}  // namespace golong

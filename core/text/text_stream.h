// Decodes token by token: shows a response while it is generated.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/text/tokenizer.h"

namespace golong {

// The texts that push() and finish() return are, one behind the other, Tokenizer::decode() of all ids: for any ids, and
// wherever they end. A token costs its own length, however many came before it.
//
// One stream is for one thread at a time; streams share their tokenizer.
class TextStream {
 public:
  TextStream(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special);

  // The text that has become certain, whole characters always; "" where the token ends within one. Throws Error for an
  // id that no token has, and is then as it was before.
  std::string push(int32_t id);

  // The rest: U+FFFD where a character was begun and did not come to its end. Then a new text begins.
  std::string finish();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool skip_special_;
  std::string begun_;  // bytes of a character of which more may come; three at most
};

}  // namespace golong

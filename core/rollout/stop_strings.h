// Texts that end a response, looked for while it grows.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/text_stream.h"

namespace golong {

// What is looked for, the same for all responses. Without strings nothing is decoded.
struct StopStrings {
  std::vector<std::string> strings;            // UTF-8, not empty
  std::shared_ptr<const Tokenizer> tokenizer;  // where there are strings

  // Where the first of them begins, npos: none.
  size_t find(std::string_view text) const;
};

// The end of one response's text. For one thread at a time.
class StopSearch {
 public:
  explicit StopSearch(const StopStrings& stop) : stop_(&stop), text_(stop.tokenizer, /*skip_special=*/true) {}

  // Whether a stop string stands in the text now that `token` is part of it.
  bool push(int32_t token);

 private:
  const StopStrings* stop_;
  TextStream text_;
  std::string end_;  // as much of the text as a stop string could begin in
};

}  // namespace golong

#include "core/text/text_stream.h"

#include <utility>

#include "core/text/utf8.h"

namespace golong {

TextStream::TextStream(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

std::string TextStream::push(int32_t id) {
  std::string bytes = begun_;
  bytes += tokenizer_->bytes(id, skip_special_);
  const size_t whole = bytes.size() - begun_character(bytes);
  begun_ = bytes.substr(whole);
  bytes.resize(whole);
  return to_valid_utf8(bytes);
}

std::string TextStream::finish() { return to_valid_utf8(std::exchange(begun_, {})); }

}  // namespace golong

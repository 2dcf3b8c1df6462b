// Chat templates: messages -> token ids. A template is code here, not Jinja; which one is told by the config.
#pragma once
#include <string>
#include <vector>

#include "core/text/message.h"
#include "core/text/tokenizer.h"

namespace golong {

struct TemplateOptions {
  bool generation_prompt = true;  // append the opening of the assistant's turn
  bool thinking = true;           // "qwen3_thinking": the opening ends with "<think>\n"
};

class ChatTemplate {
 public:
  // `name`: "chatml", "qwen3", "qwen3_thinking". Throws Error with the known names.
  static ChatTemplate by_name(const std::string& name);
  static std::vector<std::string> names();

  // The text that `transformers` renders. Message contents are copied verbatim.
  std::string render(const std::vector<Message>& messages, const TemplateOptions& options) const;

  // The same as token ids; a literal special token inside a message's content is encoded as plain text.
  std::vector<int32_t> encode(const Tokenizer& tokenizer, const std::vector<Message>& messages,
                              const TemplateOptions& options) const;

  // What ends the assistant's turn, "<|im_end|>".
  const std::string& end_of_turn() const;

 private:
  int kind_ = 0;
};

}  // namespace golong

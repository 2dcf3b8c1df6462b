// Chat templates: messages -> token ids. A template is code here, not Jinja; which one is told by the config.
//
//   "chatml"          every message as it is, the opening "<|im_start|>assistant\n"
//   "qwen3"           Qwen3: thinking of earlier answers is dropped; the model writes "<think>" itself
//   "qwen3_thinking"  Qwen3-Thinking-2507: as qwen3, but the opening ends with "<think>\n"
//   "llama3"          Llama 3 Instruct: messages without the spaces around them, no think block of its own
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/text/message.h"
#include "core/text/tokenizer.h"

namespace golong {

struct TemplateOptions {
  bool generation_prompt = true;  // append the opening of the assistant's turn
  bool thinking = true;           // false: the opening of the Qwen3 templates holds an empty think block
};

class ChatTemplate {
 public:
  // Throws Error with the known names.
  static ChatTemplate by_name(const std::string& name);
  static std::vector<std::string> names();

  // The text that `transformers` renders. Throws Error for a role that is not system, user or assistant.
  std::string render(const std::vector<Message>& messages, const TemplateOptions& options) const;

  // The same as token ids, as `transformers` encodes the rendered text; but a literal special token inside a message's
  // content is encoded as plain text, so that a document cannot end a turn.
  std::vector<int32_t> encode(const Tokenizer& tokenizer, const std::vector<Message>& messages,
                              const TemplateOptions& options) const;

  // What a model generates behind the opening (with thinking) that thinks nothing and answers `answer`, the end of the
  // turn included. It holds exactly one </think>, so that a reward's gate lets it pass; for a tokenizer without that
  // token it is text, as such a model writes it.
  std::vector<int32_t> encode_response(const Tokenizer& tokenizer, std::string_view answer) const;

  // What ends the assistant's turn, "<|im_end|>" or "<|eot_id|>".
  const std::string& end_of_turn() const;

  // "" where the tokenizer has the tokens of this template; else what it lacks, and the templates that fit it.
  // `setting` is what the user can set: "model.chat_template".
  std::string why_not(const Tokenizer& tokenizer, const std::string& setting) const;

 private:
  int kind_ = 0;
};

}  // namespace golong

// Turns rows into prompts: route, task plugin, chat template, tokenizer. Shared by training, evaluation and sft.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/data/row.h"
#include "core/plugin/registry.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace golong {

// Thread-safe: instances of task plugins that are not are called by one thread at a time.
class PromptMaker {
 public:
  // Throws Error where the chat template is not known or the tokenizer lacks its tokens.
  PromptMaker(const Config& config, std::shared_ptr<const plugin::Registry> registry,
              std::shared_ptr<const Tokenizer> tokenizer);
  ~PromptMaker();

  // `uid` names the prompt for good (Prompt::uid, and by its hash Prompt::key). draw = 0. Throws Error naming the task
  // plugin where it fails or gives no messages, no gold, or text that is no UTF-8; and what Router::route throws.
  Prompt make(const Row& row, const std::string& uid) const;

  // The task's perfect answer to this gold, without thinking. Throws Error where the plugin cannot give one.
  std::string answer(const Prompt& prompt) const;

  // The token ids of a response that answers perfectly and thinks nothing, with the end of the turn: what sft trains on
  // behind Prompt::token_ids. It passes the gate (exactly one </think>).
  std::vector<int32_t> gold_response(const Prompt& prompt, const Tokenizer& tokenizer) const;

  const ChatTemplate& chat_template() const;

  // A hash over everything but row and tokenizer that decides what a prompt is: template, routes, task plugins (their
  // versions, settings and library files).
  const std::string& fingerprint() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong

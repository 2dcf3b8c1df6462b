// A model with all that it needs to answer: its tokenizer, a chat template, the rollout engine, and how it draws.
#pragma once
#include <memory>

#include "core/rollout/engine.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"
#include "core/train/api.h"

namespace golong {

// Made once, used for many prompts. Not thread-safe.
class Generator {
 public:
  // `uses_chat`: false where no template is needed. Throws Error where the model's tokenizer does not fit the template.
  Generator(const GeneratorOptions& options, int64_t n, bool uses_chat);

  // Prompts of an earlier call are found again where `session` is the same.
  std::vector<Group> generate(std::vector<Prompt> prompts, int64_t session, const RolloutHooks& hooks);

  // Throws the Error that generate() would: the prompt is empty, or does not fit the model or the memory.
  void check(const Prompt& prompt) const { engine_.check(prompt, sampling_); }

  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }
  const ChatTemplate& chat() const { return chat_; }
  const RolloutStats& stats() const { return engine_.stats(); }

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  ChatTemplate chat_;
  std::unique_ptr<Model> model_;
  RolloutEngine engine_;
  Sampling sampling_;
  uint64_t seed_;
};

}  // namespace golong

#include "core/train/generator.h"

#include "core/base/error.h"
#include "core/eval/answerer.h"
#include "core/nn/device.h"
#include "core/report/log.h"
#include "core/text/model_template.h"
#include "core/train/workspace.h"

namespace golong {

Generator::Generator(const GeneratorOptions& options, int64_t n, bool uses_chat)
    : tokenizer_(Tokenizer::load(options.model)),
      chat_(ChatTemplate::by_name(options.chat_template)),
      model_(load_model(options.model, parse_dtype(options.dtype), nn::open_device(options.device))),
      engine_(*model_, {.batch_invariant = options.batch_invariant,
                        .hints = {.positions = "shorten it",
                                  .memory = "shorten it, lower --max-new-tokens or take --dtype bfloat16",
                                  .batch_invariant = "--batch-invariant"}}),
      seed_(options.sampling.seed) {
  keep_memory();
  const SamplingOptions& s = options.sampling;
  sampling_ = {.n = n,
               .max_response_tokens = s.max_new_tokens,
               .rule = {.repetition_penalty = s.repetition_penalty,
                        .temperature = s.temperature,
                        .top_k = s.top_k,
                        .top_p = s.top_p,
                        .min_p = s.min_p},
               .stop_ids = model_->shape().eos_token_ids,
               .stop = {s.stop, tokenizer_}};
  if (!uses_chat) return;
  const std::string problem = chat_.why_not(*tokenizer_, "--chat-template");
  if (!problem.empty()) fail(options.model, ": ", problem, "; `golong generate --raw` needs none");
  const std::string other = other_template(options.model, options.chat_template, "--chat-template");
  if (!other.empty()) log::warning(other);
  sampling_.stop_ids.push_back(tokenizer_->find(chat_.end_of_turn()).value());
}

std::vector<Group> Generator::generate(std::vector<Prompt> prompts, int64_t session, const RolloutHooks& hooks) {
  RolloutHooks decoding = hooks;
  decoding.on_done = [&](size_t index, Group& group) {
    decode(group, *tokenizer_, sampling_.stop);
    if (hooks.on_done) hooks.on_done(index, group);
  };
  return engine_.generate(std::move(prompts), sampling_, seed_, Stream::eval, session, decoding);
}

}  // namespace golong

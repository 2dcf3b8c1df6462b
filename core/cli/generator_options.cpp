#include "core/cli/generator_options.h"

#include "core/text/chat_template.h"

namespace golong {

CLI::Option* add_generator_options(CLI::App& command, GeneratorOptions& options) {
  command.add_option("--model", options.model, "Hugging Face folder")
      ->required()
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command.add_option("--max-new-tokens", options.sampling.max_new_tokens, "A response ends after this many tokens")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 24));
  command.add_option("--temperature", options.sampling.temperature, "0: the most likely token")
      ->capture_default_str()
      ->check(number_within(0.0, 100.0));
  command.add_option("--top-p", options.sampling.top_p, "Keep the smallest set of tokens with this probability mass")
      ->capture_default_str()
      ->check(number_within(1e-6, 1.0));
  command.add_option("--top-k", options.sampling.top_k, "Keep this many most probable tokens; 0: all")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 24));
  command
      .add_option("--min-p", options.sampling.min_p,
                  "Keep tokens with at least this share of the highest probability; 0: all")
      ->capture_default_str()
      ->check(number_within(0.0, 1.0));
  command
      .add_option("--repetition-penalty", options.sampling.repetition_penalty,
                  "Divides the positive logits of tokens that are there already, multiplies the negative ones; 1: none")
      ->capture_default_str()
      ->check(number_within(1e-3, 1e3));
  command
      .add_option("--stop", options.sampling.stop,
                  "A text that ends a response, which then ends before it; can be repeated")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return text.empty() ? "expected a text that is not empty" : ""; });
  command.add_option("--seed", options.sampling.seed, "The same seed gives the same responses")
      ->capture_default_str()
      ->check(seed());
  command.add_option("--dtype", options.dtype, "Type to compute in")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  add_device_option(command, options.device);
  return command.add_option("--chat-template", options.chat_template, "How messages become text")
      ->capture_default_str()
      ->check(CLI::IsMember(ChatTemplate::names()));
}

}  // namespace golong

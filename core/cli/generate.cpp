// golong generate --model DIR --prompts rows.jsonl --output out.jsonl [--n 16] ...
#include <cstdio>

#include "core/base/error.h"
#include "core/cli/command.h"
#include "core/cli/engine.h"
#include "core/cli/stop_signals.h"
#include "core/text/chat_template.h"

namespace golong {
namespace {

void run(const GenerateOptions& options) {
  check_output(options.input, options.output);
  const EngineApi& api = engine();
  StopSignals signals("stopping; the rows that are written stay");
  const int64_t rows = api.generate(options, signals.flag());
  std::printf("generated: %s (%lld rows)\n", options.output.c_str(), static_cast<long long>(rows));
}

}  // namespace

void add_generate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("generate", "Answers the prompts of a file, each n times");
  auto options = std::make_shared<GenerateOptions>();
  command->add_option("--model", options->model, "Hugging Face folder")
      ->required()
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--prompts", options->input,
                   "JSONL or Parquet: rows with `prompt`, a text or a list of {role, content}")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--output", options->output,
                   "JSONL: the rows without `prompt`, with response, response_ids, finish; `golong score` reads it")
      ->required()
      ->type_name("FILE");
  command->add_option("--n", options->n, "Responses to each prompt, which is computed once")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  command->add_option("--max-new-tokens", options->max_new_tokens, "A response ends after this many tokens")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 24));
  command->add_option("--temperature", options->temperature, "0: the most likely token")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0));
  command->add_option("--top-p", options->top_p, "Keep the smallest set of tokens with this probability mass")
      ->capture_default_str()
      ->check(CLI::Range(1e-6, 1.0));
  command->add_option("--top-k", options->top_k, "Keep this many most probable tokens; 0: all")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 24));
  command
      ->add_option("--min-p", options->min_p, "Keep tokens with at least this share of the highest probability; 0: all")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command
      ->add_option(
          "--repetition-penalty", options->repetition_penalty,
          "Divides the positive logits of tokens that are there already, multiplies the negative ones; 1: none")
      ->capture_default_str()
      ->check(CLI::Range(1e-3, 1e3));
  command->add_option("--seed", options->seed, "The same seed gives the same responses")->capture_default_str();
  CLI::Option* chat = command->add_option("--chat-template", options->chat_template, "How messages become text")
                          ->capture_default_str()
                          ->check(CLI::IsMember(ChatTemplate::names()));
  command->add_flag("--raw", options->raw, "The prompt is a text that goes to the model as it stands")->excludes(chat);
  command->add_flag("--logprobs", options->logprobs,
                    "Also write logprobs, of each token under the model, and sampled_logprobs, as it was drawn");
  command->add_option("--dtype", options->dtype, "Type to compute in")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->callback([options] { run(*options); });
}

}  // namespace golong

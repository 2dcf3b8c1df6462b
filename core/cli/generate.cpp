// golong generate --model DIR --prompts rows.jsonl --output out.jsonl [--n 16] ...
#include <cstdio>

#include "core/base/error.h"
#include "core/cli/command.h"
#include "core/cli/engine.h"
#include "core/cli/generator_options.h"
#include "core/cli/stop_signals.h"

namespace golong {
namespace {

void run(const GenerateOptions& options) {
  check_output(options.input, options.output);
  const EngineApi& api = engine();
  StopSignals signals("stopping; the rows that are written stay");
  const int64_t rows = api.generate(options, signals.flag());
  std::fprintf(stderr, "generated: %s (%lld rows)\n", options.output.c_str(), static_cast<long long>(rows));
}

}  // namespace

void add_generate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("generate", "Answers the prompts of a file, each n times");
  auto options = std::make_shared<GenerateOptions>();
  CLI::Option* chat = add_generator_options(*command, *options);
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
  command->add_flag("--raw", options->raw, "The prompt is a text that goes to the model as it stands")->excludes(chat);
  command->add_flag("--batch-invariant", options->batch_invariant,
                    "The same bits whatever else is generated, also after the work was broken off; slower");
  command->add_flag("--logprobs", options->logprobs,
                    "Also write logprobs, of each token under the model, and sampled_logprobs, as it was drawn");
  command->callback([options] { run(*options); });
}

}  // namespace golong

// golong logprobs --model DIR --input tokens.jsonl --output out.jsonl [--dtype float32|bfloat16] [--device cuda]
#include "core/cli/command.h"
#include "core/cli/engine.h"
#include "core/cli/stop_signals.h"

namespace golong {

void add_logprobs_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("logprobs", "Writes the log-probability of each response token, from token ids");
  auto options = std::make_shared<LogprobsOptions>();
  command->add_option("--model", options->model, "Hugging Face folder (needs no tokenizer)")
      ->required()
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  command->add_option("--input", options->input, "JSONL rows {id, prompt_ids, response_ids}")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command->add_option("--output", options->output, "JSONL rows {id, logprobs}, in the order of the input")
      ->required()
      ->type_name("FILE");
  command->add_option("--dtype", options->dtype, "Type to compute in; without it, that of config.json")
      ->type_name("float32|bfloat16")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  add_device_option(*command, options->device);
  command->callback([options] {
    check_output(options->input, options->output);
    const EngineApi& api = engine();
    StopSignals signals("stopping; the rows that are written stay");
    api.logprobs(*options, signals.flag());
  });
}

}  // namespace golong

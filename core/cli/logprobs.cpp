// golong logprobs --model DIR --input tokens.jsonl --output out.jsonl [--dtype float32|bfloat16] [--device cuda]
#include "core/cli/command.h"
#include "core/cli/engine.h"

namespace golong {
namespace {

struct Options {
  std::string model;
  std::string input;
  std::string output;
  std::string dtype;
  std::string device = "cpu";
};

}  // namespace

void add_logprobs_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("logprobs", "Writes the log-probability of each response token, from token ids");
  auto options = std::make_shared<Options>();
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
    engine().logprobs(options->model, options->input, options->output, options->dtype, options->device);
  });
}

}  // namespace golong

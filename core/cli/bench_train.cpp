// golong bench train --model DIR [--prompt-tokens P] [--n N] [--response-tokens R] [--batch FILE] [--dump-gradients
// FILE]
#include <cstdio>
#include <memory>

#include "core/cli/bench.h"
#include "core/cli/engine.h"

namespace golong {

void add_bench_train(CLI::App& bench) {
  CLI::App* command = bench.add_subcommand("train", "Seconds of one update from groups of long prompts");
  auto options = std::make_shared<TrainBenchOptions>();
  command->add_option("--model", options->model, "Hugging Face folder; no tokenizer is needed")
      ->required()
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  const auto number = [&](const char* name, int64_t& value, const char* help) {
    command->add_option(name, value, help)->capture_default_str()->check(CLI::Range(1, 1 << 24));
  };
  number("--prompt-tokens", options->prompt_tokens, "Random tokens of each prompt");
  number("--n", options->n, "Responses to each prompt");
  number("--response-tokens", options->response_tokens, "Random tokens of each response");
  number("--groups", options->groups, "Prompts");
  number("--micro-batch-tokens", options->micro_batch_tokens, "As train.micro_batch_tokens");
  number("--repetitions", options->repetitions, "The median of so many steps, after one to warm up");
  command->add_option("--threads", options->threads, "0: all cores")->capture_default_str()->check(CLI::Range(0, 4096));
  command->add_option("--share-prefix", options->share_prefix, "As train.share_prefix")->capture_default_str();
  command
      ->add_option("--batch", options->batch,
                   "JSON {prompt_ids: [[...]], response_ids: [[[...]]], advantages: [[...]]} in place of random tokens")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--dump-gradients", options->dump_gradients, "Writes the gradients of the first step (safetensors)")
      ->type_name("FILE");
  command->add_option("--dtype", options->dtype, "Type to compute in")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->callback([options] { std::printf("%s\n", engine().bench_train(*options).c_str()); });
}

}  // namespace golong

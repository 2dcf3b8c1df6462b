// golong bench train --model DIR [--prompt-tokens P] [--n N] [--response-tokens R] [--batch FILE]
#include <cstdio>
#include <memory>

#include "core/base/error.h"
#include "core/cli/bench.h"
#include "core/cli/engine.h"

namespace golong {

void add_bench_train(CLI::App& bench) {
  CLI::App* command = bench.add_subcommand("train", "Seconds of one update from groups of long prompts");
  auto options = std::make_shared<TrainBenchOptions>();
  add_engine_bench_options(*command, *options, "The median of so many steps, after one to warm up");
  command->add_option("--response-tokens", options->response_tokens, "Random tokens of each response")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 24));
  command->add_option("--micro-batch-tokens", options->micro_batch_tokens, "As train.micro_batch_tokens")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 24));
  command->add_option("--share-prefix", options->share_prefix, "As train.share_prefix; without a value true")
      ->capture_default_str()
      ->expected(0, 1)
      ->type_name("BOOLEAN");
  command->add_option("--recompute", options->recompute, "As train.recompute")
      ->capture_default_str()
      ->check(CLI::IsMember({"off", "all", "auto"}));
  command->add_option("--activation-bytes", options->activation_bytes, "As train.activation_bytes")
      ->check(CLI::Range(int64_t{1}, INT64_MAX));
  command->add_option("--optimizer-device", options->optimizer_device, "As train.optimizer_device")
      ->capture_default_str()
      ->check(CLI::IsMember({"model", "cpu"}));
  command
      ->add_option("--batch", options->batch,
                   "JSON {prompt_ids: [[...]], response_ids: [[[...]]], advantages: [[...]]} in place of random tokens")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--dump-gradients", options->dump_gradients, "Writes the gradients of the first step (safetensors)")
      ->type_name("FILE");
  const auto ranks = [&](const char* name, int64_t& value, const std::string& help) {
    command->add_option(name, value, help)->capture_default_str()->check(CLI::Range(1, 1 << 16));
  };
  ranks("--replicate", options->parallel.replicate, "As parallel.replicate, under golong launch");
  ranks("--shard", options->parallel.shard, "As parallel.shard");
  ranks("--context", options->parallel.context, "As parallel.context");
  ranks("--expert", options->parallel.expert, "As parallel.expert");
  command->add_option("--zero", options->parallel.zero, "As parallel.zero")
      ->capture_default_str()
      ->check(CLI::Range(1, 3));
  command->add_option("--context-method", options->parallel.context_method, "As parallel.context_method")
      ->capture_default_str()
      ->check(CLI::IsMember({"gather", "heads"}));
  command->callback([options] {
    if ((options->recompute == "auto") != (options->activation_bytes > 0)) {
      fail("--recompute auto and --activation-bytes belong together");
    }
    const std::string result = engine().bench_train(*options);
    if (!result.empty()) std::printf("%s\n", result.c_str());
  });
}

}  // namespace golong

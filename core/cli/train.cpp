// golong train CONFIG [--resume]
#include <cstdio>

#include "core/base/error.h"
#include "core/cli/command.h"
#include "core/cli/engine.h"
#include "core/cli/stop_signals.h"

namespace golong {
namespace {

struct Options {
  ConfigOptions config;
  bool resume = false;
};

void run(const Options& options) {
  const Config config = options.config.load();
  check_purpose(config, Purpose::train);
  const auto registry = load_plugins(config);
  const EngineApi& api = engine();
  StopSignals signals("saving and stopping");
  TrainOptions train;
  train.resume = options.resume;
  train.stop = signals.flag();
  const int64_t steps = api.train(config, registry, train);
  const parallel::Rank rank = api.rank();
  if (rank.rank > 0) {  // the first one says how it went
    if (signals.stopped()) throw ExitStatus{130};
    return;
  }
  if (signals.stopped()) {
    throw Stopped("stopped after step " + std::to_string(steps) + "; go on with `golong train " + config.run.directory +
                  "/config.toml --resume`" + (rank.alone() ? "" : ", started on as many ranks as before"));
  }
  std::printf("trained %lld steps: %s\n", static_cast<long long>(steps), config.run.directory.c_str());
}

}  // namespace

void add_train_command(CLI::App& app) {
  CLI::App* train = app.add_subcommand("train", "Trains a model with GRPO on tasks, rewards and a normalizer");
  auto options = std::make_shared<Options>();
  add_config_argument(*train, options->config);
  train->add_flag("--resume", options->resume, "Go on from the newest checkpoint in the run's folder");
  train->callback([options] { run(*options); });
}

}  // namespace golong

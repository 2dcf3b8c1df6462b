#include "core/train/grpo.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/file_lock.h"
#include "core/base/version.h"
#include "core/checkpoint/checkpoint.h"
#include "core/config/difference.h"
#include "core/data/sampler.h"
#include "core/eval/evaluate.h"
#include "core/plugin/normalizer.h"
#include "core/report/log.h"
#include "core/report/progress.h"
#include "core/rollout/engine.h"
#include "core/rollout/options.h"
#include "core/score/scorer.h"
#include "core/train/batch.h"
#include "core/train/learner.h"
#include "core/train/run_files.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

class Timer {
 public:
  // Seconds since the last call.
  double lap() {
    auto now = std::chrono::steady_clock::now();
    double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

class GrpoRun {
 public:
  GrpoRun(const Config& config, std::shared_ptr<const plugin::Registry> registry, const TrainOptions& options);
  int64_t run();

 private:
  std::vector<Group> collect(int64_t step, Metrics& metrics);
  Metrics step(int64_t step);
  std::optional<Metrics> whole_step(int64_t step);
  void save(int64_t step);
  int64_t restore();
  std::optional<Evaluation> measure(int64_t step);
  void add(Metrics& metrics, const Metrics& more) { metrics.insert(more.begin(), more.end()); }
  bool stopping() const { return stop_asked(options_.stop) || callback_stopped_; }

  const Config config_;
  const TrainOptions options_;
  Workspace work_;
  std::shared_ptr<const Dataset> rows_, eval_rows_;
  Sampler sampler_;
  RolloutEngine rollout_;
  Scorer scorer_;
  plugin::Normalizer normalizer_;
  Learner learner_;
  CheckpointStore checkpoints_;
  int64_t first_step_ = 0;   // steps that were done before
  int64_t saved_ = 0;        // the newest checkpoint's step
  double save_seconds_ = 0;  // of the last checkpoint, reported with the next step
  bool callback_stopped_ = false;
  std::optional<RunFiles> files_;
  std::optional<Progress> progress_;
};

fs::path checkpoint_folder(const Config& config) { return fs::path(config.run.directory) / "checkpoints"; }

// A folder with checkpoints belongs to a run; going over it by accident would lose it.
void check_folder(const Config& config) {
  const fs::path folder = checkpoint_folder(config);
  if (fs::exists(folder) && !fs::is_empty(folder)) {
    fail(config.run.directory,
         " holds the checkpoints of a run. Go on with --resume, choose another run.directory, or "
         "remove the folder");
  }
}

// Logs into a file, too, while it lives.
struct LogFile {
  explicit LogFile(const fs::path& path) { log::open_file(path); }
  ~LogFile() { log::close_file(); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
};

// Prompts drawn at a time.
int64_t draw_size(const TrainConfig& train) {
  if (!train.filter_groups) return train.prompts_per_step;
  return train.generation_prompts > 0 ? train.generation_prompts : 4 * train.prompts_per_step;
}

int64_t total_steps(const Config& config, size_t rows) {
  if (config.train.steps > 0) return config.train.steps;
  return std::max<int64_t>(1, config.train.epochs * static_cast<int64_t>(rows) / draw_size(config.train));
}

plugin::Settings settings_of(const Config& config) {
  auto found = config.normalizer_settings.find(config.train.normalizer);
  return found == config.normalizer_settings.end() ? plugin::Settings{} : found->second;
}

GrpoRun::GrpoRun(const Config& config, std::shared_ptr<const plugin::Registry> registry, const TrainOptions& options)
    : config_(config),
      options_(options),
      work_(Workspace::open(config, std::move(registry))),
      rows_(work_.dataset(config, config.data.train)),
      eval_rows_(config.data.eval.empty() ? nullptr : work_.dataset(config, config.data.eval)),
      sampler_(rows_, static_cast<uint64_t>(config.train.seed), config.data.shuffle, config.data.task_weights),
      rollout_(*work_.model, engine_options(config.rollout)),
      scorer_(config, work_.registry),
      normalizer_(work_.registry->find(plugin::Kind::normalizer, config.train.normalizer), settings_of(config)),
      learner_(*work_.model, config.train, config.rollout.max_response_tokens, config.rollout.temperature),
      checkpoints_(checkpoint_folder(config), config.checkpoint.keep) {
  first_step_ = options.resume ? restore() : 0;
  if (const int64_t steps = total_steps(config, rows_->size()); steps < first_step_) {
    fail(config.run.directory, " has done ", first_step_, " steps already, more than ", steps,
         " (train.steps or train.epochs)");
  }
  write_file_atomic(fs::path(config.run.directory) / "config.toml", config.to_toml());
}

// A batch without a single score says that scoring is broken, not that the rows are too hard.
void check_scored(int64_t step, const std::vector<Group>& groups, const RewardsConfig& config) {
  std::map<std::string, size_t> outcomes;
  const Group* example = nullptr;
  std::string detail;
  for (const Group& group : groups) {
    for (const Response& response : group.responses) {
      if (counts(response, config)) return;
      ++outcomes[name(response.outcome)];
      if (example) continue;
      example = &group;
      detail = response.detail;
    }
  }
  std::string counted;
  for (const auto& [outcome, number] : outcomes) {
    counted += (counted.empty() ? "" : ", ") + std::to_string(number) + " " + outcome;
  }
  fail("step ", step, ": none of the responses could be scored (", counted, "). The first, of row ",
       example->prompt.uid, " by reward ", example->prompt.reward, ": ", detail,
       ". rewards.timeout_reward and rewards.error_reward give such responses a reward");
}

// "the rewards of 24 responses are from 0 to 0.5": all alike, they say that the reward is to be looked at.
std::string range_of_rewards(const std::vector<Group>& groups, const RewardsConfig& config) {
  size_t count = 0;
  double lowest = 0, highest = 0;
  for (const Group& group : groups) {
    for (const Response& response : group.responses) {
      if (!counts(response, config)) continue;
      lowest = count == 0 ? response.reward : std::min(lowest, response.reward);
      highest = count == 0 ? response.reward : std::max(highest, response.reward);
      ++count;
    }
  }
  std::ostringstream text;
  text << "the rewards of " << count << " responses are from " << lowest << " to " << highest;
  return text.str();
}

// Prompts, responses, rewards, until the batch is full of groups whose rewards differ (paper E.2; surplus is dropped).
std::vector<Group> GrpoRun::collect(int64_t step, Metrics& metrics) {
  const TrainConfig& train = config_.train;
  const size_t wanted = static_cast<size_t>(train.prompts_per_step);
  const Sampling sampling = train_sampling(config_, work_.stop_ids, work_.tokenizer);
  std::vector<Group> kept, all;
  double generate = 0, score = 0, tokens = 0;
  Timer timer;
  for (int64_t round = 0; kept.size() < wanted; ++round) {
    if (round == train.max_generation_batches) {
      check_scored(step, all, config_.rewards);
      fail("step ", step, ": after ", round, " generation batches only ", kept.size(), " of ", wanted,
           " groups have rewards that differ; ", range_of_rewards(all, config_.rewards),
           ". Raise train.max_generation_batches or rollout.n, lower "
           "train.prompts_per_step, or take easier or harder rows; train.filter_groups = false trains on all groups");
    }
    progress_->phase("generate");
    timer.lap();
    std::vector<Group> groups = rollout_.generate(sampler_.next(static_cast<size_t>(draw_size(train))), sampling,
                                                  static_cast<uint64_t>(train.seed), Stream::train, step - 1,
                                                  {.should_stop = [this] { return stopping(); }});
    decode(groups, *work_.tokenizer, sampling.stop);
    tokens += static_cast<double>(rollout_.stats().prompt_tokens + rollout_.stats().response_tokens);
    generate += timer.lap();
    progress_->phase("score");
    scorer_.score(groups);
    score += timer.lap();
    for (Group& group : groups) {
      if (kept.size() < wanted && (!train.filter_groups || rewards_differ(group, config_.rewards)))
        kept.push_back(group);
      all.push_back(std::move(group));
    }
    if (kept.size() < wanted && round % 4 == 3) {
      log::info("step ", step, ": after ", round + 1, " draws ", kept.size(), " of ", wanted,
                " groups whose rewards differ (train.filter_groups)");
    }
    if (all.size() >= wanted) check_scored(step, all, config_.rewards);  // fewer may be rows that have no score
  }
  ReportColumns columns = report_columns(all, config_.rewards);
  add(metrics, generation_metrics(columns.groups, columns.responses));
  size_t differing = static_cast<size_t>(
      std::count_if(all.begin(), all.end(), [&](const Group& g) { return rewards_differ(g, config_.rewards); }));
  metrics["filter/dropped_share"] = 1 - static_cast<double>(differing) / static_cast<double>(all.size());
  metrics["rollout/tokens_per_second"] = generate > 0 ? tokens / generate : 0;
  metrics["time/generate"] = generate;
  metrics["time/score"] = score;
  return kept;
}

Metrics GrpoRun::step(int64_t step) {
  Metrics metrics;
  Timer whole, timer;
  std::vector<Group> groups = collect(step, metrics);
  timer.lap();
  progress_->phase("update");
  std::vector<std::vector<double>> advantages = compute_advantages(normalizer_, groups, config_.rewards, metrics);
  add(metrics, learner_.update(groups, advantages));
  metrics["time/update"] = timer.lap();
  std::vector<double> flat;
  for (const auto& group : advantages) flat.insert(flat.end(), group.begin(), group.end());
  ReportColumns columns = report_columns(groups, config_.rewards);
  add(metrics, batch_metrics(columns.groups, columns.responses, flat));
  files_->samples(step, groups, advantages, *work_.tokenizer);
  metrics["time/step"] = whole.lap();
  metrics["time/save"] = std::exchange(save_seconds_, 0);
  return metrics;
}

// What the bits of a run depend on beside its config and data.
std::string versions(const plugin::Registry& registry) {
  std::ostringstream text;
  text << "golong " << version << "\n";
  for (const plugin::Plugin& plugin : registry.plugins()) {
    text << plugin::name(plugin.kind) << " " << plugin.id << " " << plugin.descriptor->version << "\n";
  }
  text << at::get_num_threads() << " threads, " << at::get_cpu_capability() << "\n";
  return text.str();
}

void GrpoRun::save(int64_t step) {
  Timer timer;
  Snapshot snapshot;
  snapshot.step = step;
  for (const auto& [name, tensor] : work_.model->parameters()) snapshot.weights.emplace_back(name, tensor.detach());
  snapshot.optimizer = learner_.optimizer().state();
  snapshot.texts = {{"sampler.json", sampler_.save()},
                    {"normalizer.state", normalizer_.save()},
                    {"normalizer.id", config_.train.normalizer},
                    {"optimizer_steps", std::to_string(learner_.optimizer().steps())},
                    {"run.toml", config_.to_toml()},
                    {"versions.txt", versions(*work_.registry)},
                    {"config.json", work_.model->shape().json}};
  checkpoints_.save(snapshot);
  saved_ = step;
  save_seconds_ = timer.lap();
}

// Puts everything back where the newest checkpoint left it; returns its step.
int64_t GrpoRun::restore() {
  std::optional<Snapshot> snapshot = checkpoints_.load_newest();
  if (!snapshot) {
    log::warning(config_.run.directory, " has no checkpoint: starting from the beginning");
    return 0;
  }
  auto text = [&](const char* name) -> const std::string& {
    auto found = snapshot->texts.find(name);
    if (found == snapshot->texts.end()) fail("the checkpoint of step ", snapshot->step, " has no file ", name);
    return found->second;
  };
  load_weights(*work_.model, *snapshot);
  learner_.optimizer().load({snapshot->optimizer.begin(), snapshot->optimizer.end()},
                            std::stoll(text("optimizer_steps")));
  const std::vector<std::string> changes =
      differences(text("run.toml"), config_.to_toml(), "the checkpoint's run.toml");
  try {
    sampler_.load(text("sampler.json"));
  } catch (const Error& error) {
    fail(error.what(), changes.empty() ? "" : "\nWhat is another than in the run's checkpoint:", as_lines(changes));
  }
  for (const std::string& change : changes)
    log::warning("going on with another configuration than the run had: ", change);
  if (text("normalizer.id") == config_.train.normalizer) {
    normalizer_.load(text("normalizer.state"));
  } else {
    log::warning("the run had normalizer ", text("normalizer.id"), ", whose state ", config_.train.normalizer,
                 " does not take over");
  }
  if (text("versions.txt") != versions(*work_.registry)) {
    log::warning(
        "golong, a plugin, the number of threads or the kind of processor is another than when the checkpoint of "
        "step ",
        snapshot->step, " was written (its versions.txt); what follows may differ from the run without a break");
  }
  log::info("going on after step ", snapshot->step);
  return snapshot->step;
}

// None when somebody asked to stop.
std::optional<Evaluation> GrpoRun::measure(int64_t step) {
  log::info("measuring on held-out rows");
  const auto rows = static_cast<int64_t>(rows_to_measure(*eval_rows_, config_.eval).size());
  Progress progress("evaluate", rows, {.plain_every = 1 << 20});
  try {
    return evaluate(
        rollout_, scorer_, *eval_rows_, work_.tokenizer, work_.stop_ids, config_, step,
        [this] { return stop_asked(options_.stop); },
        [&](size_t done) { progress.update(static_cast<int64_t>(done)); });
  } catch (const Stopped&) {
    return {};
  }
}

// One step, or none when somebody asked to stop while it generated, before its update. Its draws and what it told the
// normalizer are taken back then, so that a resumed run does the step again from its beginning; likewise when it fails
// before its update, and the steps before it are saved.
std::optional<Metrics> GrpoRun::whole_step(int64_t step) {
  const std::string draws = sampler_.save(), state = normalizer_.save();
  const auto undo = [&] {
    sampler_.load(draws);
    normalizer_.load(state);
  };
  const int64_t updates = learner_.optimizer().steps();
  try {
    return this->step(step);
  } catch (const Stopped&) {
    undo();
    return {};
  } catch (...) {
    if (learner_.optimizer().steps() == updates && step - 1 > saved_) {
      try {
        undo();
        save(step - 1);
        log::warning("step ", step, " failed; the ", step - 1, " steps before it are saved");
      } catch (const std::exception& error) {  // why the step failed says more
        log::error("step ", step, " failed, and so did saving the steps before it: ", error.what());
      }
    }
    throw;
  }
}

int64_t GrpoRun::run() {
  const int64_t steps = total_steps(config_, rows_->size());
  learner_.expect(steps);
  files_.emplace(config_, options_.resume && first_step_ > 0 ? std::optional<int64_t>(first_step_) : std::nullopt);
  if (eval_rows_ && first_step_ == 0) {
    std::optional<Evaluation> before = measure(0);
    if (!before) return 0;
    files_->before(*before);
  }
  progress_.emplace("train", steps, ProgressOptions{.first = first_step_});
  int64_t done = saved_ = first_step_;
  while (done < steps && !stopping()) {
    std::optional<Metrics> metrics = whole_step(done + 1);
    if (!metrics) break;
    ++done;
    if (eval_rows_ && config_.eval.every > 0 && done % config_.eval.every == 0 && done < steps) {
      if (std::optional<Evaluation> now = measure(done)) {
        for (const auto& [task, score] : now->tasks) (*metrics)["eval/" + task] = score.mean;
      }
    }
    // Metrics first: a resumed run cuts off what is newer than its checkpoint.
    files_->step(done, *metrics);
    if (config_.checkpoint.every > 0 && done % config_.checkpoint.every == 0) save(done);
    progress_->update(done, metrics->at("reward/mean"), metrics->at("rollout/tokens_per_second"));
    if (options_.on_step && !options_.on_step({done, *metrics})) callback_stopped_ = true;
  }
  progress_.reset();
  if (done > saved_) save(done);
  if (eval_rows_ && done == steps && !stopping()) {
    if (std::optional<Evaluation> after = measure(done)) files_->after(*after);
  }
  if (done > 0) files_->report();
  return done;
}

}  // namespace

int64_t run_grpo(const Config& config, std::shared_ptr<const plugin::Registry> registry, const TrainOptions& options) {
  const FileLock lock(fs::path(config.run.directory) / "lock", config.run.directory);
  if (!options.resume) check_folder(config);  // before anything is written into it
  const LogFile log(fs::path(config.run.directory) / "log.txt");
  try {
    return GrpoRun(config, std::move(registry), options).run();
  } catch (const std::exception& error) {
    log::write_to_file(log::Level::error, error.what());
    throw;
  }
}

}  // namespace golong

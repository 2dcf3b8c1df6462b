#include "core/train/grpo.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <ATen/ATen.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/file_lock.h"
#include "core/base/rank_errors.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/writer.h"
#include "core/eval/answerer.h"
#include "core/eval/evaluate.h"
#include "core/model/sharded_states.h"
#include "core/nn/device.h"
#include "core/nn/machine_speed.h"
#include "core/parallel/mesh.h"
#include "core/parallel/watch.h"
#include "core/parallel/world.h"
#include "core/plugin/normalizer.h"
#include "core/report/log.h"
#include "core/report/progress.h"
#include "core/rollout/engine.h"
#include "core/rollout/options.h"
#include "core/score/scorer.h"
#include "core/train/batch.h"
#include "core/train/batch_file.h"
#include "core/train/collector.h"
#include "core/train/learner.h"
#include "core/train/overlong.h"
#include "core/train/packing.h"
#include "core/train/rank_step.h"
#include "core/train/ranks.h"
#include "core/train/reference.h"
#include "core/train/run_files.h"
#include "core/train/run_state.h"
#include "core/train/timer.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

ShardedStates* address(std::optional<ShardedStates>& states) { return states ? &*states : nullptr; }

class GrpoRun {
 public:
  GrpoRun(const Config& config, std::shared_ptr<const plugin::Registry> registry, const TrainOptions& options,
          parallel::World& world);
  int64_t run();

 private:
  Metrics learn(int64_t step, const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages);
  Metrics step(int64_t step);
  std::optional<Metrics> whole_step(int64_t step);
  int64_t train();
  bool agree_to_stop();
  void add_rank_metrics(int64_t step, Metrics& metrics);
  RunState state() { return {config_, work_, reference_, normalizer_, collector_, learner_, address(states_)}; }
  void save(int64_t step);
  int64_t restore();
  void expect_best_metric(int64_t step, bool measured);
  std::optional<Evaluation> measure(int64_t step);
  bool measures_after(int64_t step) const {
    return eval_rows_ && config_.eval.every > 0 && step > 0 && step % config_.eval.every == 0;
  }
  std::optional<Evaluation> measure_late();
  void add(Metrics& metrics, const Metrics& more) { metrics.insert(more.begin(), more.end()); }
  bool stopping() const { return stop_asked(options_.stop) || callback_stopped_; }

  const Config config_;
  const TrainOptions options_;
  parallel::World* const world_;
  const parallel::Mesh mesh_;
  Workspace work_;
  const Reference reference_;
  std::optional<ShardedStates> states_, reference_states_;  // of more than one rank
  std::shared_ptr<const Dataset> rows_, eval_rows_;
  RolloutEngine rollout_;
  Scorer scorer_;
  Answerer answerer_;
  Collector collector_;
  plugin::Normalizer normalizer_;
  Learner learner_;
  CheckpointStore checkpoints_;
  CheckpointWriter writer_;
  int64_t first_step_ = 0;         // steps that were done before
  int64_t saved_ = 0;              // the newest checkpoint's step, written or being written
  nn::PeakMemory memory_;          // since the last step ended
  double peak_flops_ = 0;          // a second, of matrix products
  double save_seconds_ = 0;        // that training stood still for the last checkpoint, reported with the next step
  Metrics metrics_;                // of the newest step
  double reward_ = 0, speed_ = 0;  // of the newest step that generated something, for the progress line
  parallel::Traffic traffic_;      // until the last step ended
  bool callback_stopped_ = false;
  bool stopped_ = false;  // all ranks have agreed to
  bool missing_metric_said_ = false;
  std::optional<RunFiles> files_;  // the first rank's
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

CheckpointRanks checkpoint_ranks(parallel::World& world, const CheckpointConfig& config) {
  if (world.rank().alone()) return {};
  return {world.rank().rank, world.rank().size, world.notes_apart(), std::chrono::seconds(config.timeout_seconds)};
}

plugin::Settings settings_of(const Config& config) {
  auto found = config.normalizer_settings.find(config.train.normalizer);
  return found == config.normalizer_settings.end() ? plugin::Settings{} : found->second;
}

std::optional<ShardedStates> shard(Model* model, const parallel::Mesh& mesh, const ParallelConfig& config) {
  if (mesh.alone() || !model) return {};
  return std::optional<ShardedStates>(std::in_place, *model, mesh, static_cast<parallel::Split>(config.zero));
}

GrpoRun::GrpoRun(const Config& config, std::shared_ptr<const plugin::Registry> registry, const TrainOptions& options,
                 parallel::World& world)
    : config_(config),
      options_(options),
      world_(&world),
      mesh_(*world_, mesh_shape(config.parallel)),
      work_(Workspace::open(config_of_rank(config, world_->rank()), std::move(registry), {}, mesh_.expert)),
      reference_(open_reference(config, *work_.model)),
      states_(shard(work_.model.get(), mesh_, config.parallel)),
      reference_states_(shard(reference_.model.get(), mesh_, config.parallel)),
      rows_(work_.dataset(config, config.data.train)),
      eval_rows_(config.data.eval.empty() ? nullptr : work_.dataset(config, config.data.eval)),
      rollout_(*work_.model, engine_options_of_rank(config, *work_.model, world_->rank())),
      scorer_(config_of_rank(config, world_->rank()), work_.registry),
      answerer_(rollout_, scorer_, work_.tokenizer, {world_, config.parallel.hand_out == "as_free"}),
      collector_(config_, work_, rows_, answerer_),
      normalizer_(work_.registry->find(plugin::Kind::normalizer, config.train.normalizer), settings_of(config)),
      learner_(*work_.model, config.train, config.rollout.max_response_tokens, config.rollout.temperature,
               reference_.model.get(),
               {&mesh_, address(states_), address(reference_states_),
                nn::parse_context_method(config.parallel.context_method)}),
      checkpoints_(checkpoint_folder(config), config.checkpoint, checkpoint_ranks(*world_, config.checkpoint)),
      writer_(checkpoints_, config.checkpoint.background),
      memory_(work_.model->device()) {
  first_step_ = options.resume ? restore() : 0;
  if (const int64_t steps = total_steps(config_.train, rows_->size()); steps < first_step_) {
    fail(config.run.directory, " has done ", first_step_, " steps already, more than ", steps,
         " (train.steps or train.epochs)");
  }
  if (const int64_t positions = work_.model->shape().max_positions;
      world_->is_first() && config.rollout.max_response_tokens >= positions) {
    log::warning("rollout.max_response_tokens is ", config.rollout.max_response_tokens, ", and the model has ",
                 positions, " positions: prompt and response end there together, and no response gets so long");
  }
  if (world_->is_first()) write_file_atomic(fs::path(config.run.directory) / "config.toml", config.to_toml());
}

// The update. Responses that the length limit ended are left out where train.overlong.filter is on.
Metrics GrpoRun::learn(int64_t step, const std::vector<Group>& groups,
                       const std::vector<std::vector<double>>& advantages) {
  TrainedBatch filtered;
  const bool filter = config_.train.overlong.filter;
  if (filter) filtered = without_overlong(groups, advantages);
  if (filter && filtered.groups.empty()) {
    log::warning("step ", step,
                 ": the length limit ended every response, so that nothing is learned "
                 "(train.overlong.filter); raise rollout.max_response_tokens");
    return {{"train/overlong_filtered", 1}};
  }
  const auto& trained = filter ? filtered.groups : groups;
  const auto& values = filter ? filtered.advantages : advantages;
  try {
    rollout_.give_back();  // of use no more: the weights change
    Metrics metrics = learner_.update(trained, values);
    if (filter) metrics["train/overlong_filtered"] = 1 - responses_of(trained) / responses_of(groups);
    return metrics;
  } catch (const NotFinite& error) {
    const fs::path file = fs::path(config_.run.directory) / ("not-finite-step-" + std::to_string(step) + ".jsonl");
    if (world_->is_first()) write_batch(file, trained, values, *work_.tokenizer);
    fail_all("step ", step, ": ", error.what(), ". The batch of the last one, with its rewards and advantages, is in ",
             file.string(), "; look there for numbers that are too large, or lower train.learning_rate");
  }
}

Metrics GrpoRun::step(int64_t step) {
  Metrics metrics;
  Timer whole, timer;
  std::vector<Group> groups = [&] {
    const ShardedStates::Whole weights(address(states_));
    return collector_.collect(
        step, *progress_, [this] { return stopping(); }, metrics);
  }();
  timer.lap();
  progress_->phase("update");
  std::vector<std::vector<double>> advantages = compute_advantages(normalizer_, groups, config_.rewards, metrics);
  add(metrics, learn(step, groups, advantages));
  nn::synchronize(work_.model->device());  // the last optimizer step may go on
  metrics["time/update"] = timer.lap();
  std::vector<double> flat;
  for (const auto& group : advantages) flat.insert(flat.end(), group.begin(), group.end());
  ReportColumns columns = report_columns(groups, config_.rewards);
  add(metrics, batch_metrics(columns.groups, columns.responses, flat));
  if (files_) files_->samples(step, groups, advantages, *work_.tokenizer);
  metrics["time/step"] = whole.lap();
  double tokens = 0;
  for (const Group& group : groups) tokens += static_cast<double>(packed_tokens(group));
  add(metrics, speed_metrics(metrics, tokens, peak_flops_ * static_cast<double>(mesh_.shape.ranks())));
  metrics["perf/peak_memory_bytes"] = static_cast<double>(memory_.peak());
  add_rank_metrics(step, metrics);
  memory_ = nn::PeakMemory(work_.model->device());
  metrics["time/save"] = std::exchange(save_seconds_, 0);
  return metrics;
}

// What ranks did for each other in this step. Who waits least is who the others wait for.
void GrpoRun::add_rank_metrics(int64_t step, Metrics& metrics) {
  if (mesh_.alone()) return;
  const parallel::Traffic now = world_->traffic();
  const RankStep mine{now.seconds - traffic_.seconds, static_cast<double>(now.bytes_sent - traffic_.bytes_sent),
                      metrics.at("perf/peak_memory_bytes"), mesh_.shape.replicate > 1 ? states_->fingerprint() : 0};
  traffic_ = now;
  for (const auto& [name, value] : exchange_step(mesh_, step, mine)) metrics[name] = value;
}

// All ranks ask at the same places; where one was asked to stop all do.
bool GrpoRun::agree_to_stop() {
  const at::Tensor asked = at::full({1}, static_cast<int64_t>(stopping()), at::kLong);
  world_->all().sum(asked);
  return stopped_ = stopped_ || asked.item<int64_t>() > 0;
}

// Metrics and samples reach the disk first: a resumed run cuts off what is newer than its checkpoint, and cannot make
// up for what is missing.
void GrpoRun::save(int64_t step) {
  Timer timer;
  if (progress_) progress_->phase("save");
  if (files_) files_->sync_to_disk();
  writer_.save(state().take(step, metrics_));
  saved_ = step;
  save_seconds_ = timer.lap();
}

// Puts everything back where the newest checkpoint left it; returns its step.
int64_t GrpoRun::restore() {
  const std::optional<Snapshot> snapshot = checkpoints_.load_newest();
  if (!snapshot) {
    log::warning(config_.run.directory, " has no checkpoint: starting from the beginning");
    return 0;
  }
  state().restore(*snapshot);
  metrics_ = snapshot->metrics;
  log::info("going on after step ", snapshot->step);
  const std::optional<CheckpointStore::Best> best = checkpoints_.best();
  if (best && best->step <= snapshot->step) {
    log::info("step ", best->step, " is the best so far: ", config_.checkpoint.keep_best_metric, " ", best->value);
  }
  return snapshot->step;
}

// None when somebody asked to stop.
std::optional<Evaluation> GrpoRun::measure(int64_t step) {
  log::info("measuring on held-out rows");
  const auto rows = static_cast<int64_t>(rows_to_measure(*eval_rows_, config_.eval).size());
  Progress progress("evaluate", rows, {.plain_every = 1 << 20, .quiet = !world_->is_first()});
  const ShardedStates::Whole weights(address(states_));
  try {
    return evaluate(
        answerer_, *eval_rows_, work_.tokenizer, work_.stop_ids, config_, step,
        [this] { return stop_asked(options_.stop); },
        [&](size_t done) { progress.update(static_cast<int64_t>(done)); });
  } catch (const Stopped&) {
    stopped_ = true;
    return {};
  }
}

// What a run that was asked to stop while it measured after its newest step still owes: the time is there, and no mean.
std::optional<Evaluation> GrpoRun::measure_late() {
  if (!measures_after(first_step_) || !metrics_.contains("time/evaluate") || metrics_.contains("eval/mean")) return {};
  Timer timer;
  std::optional<Evaluation> measured = measure(first_step_);
  if (!measured) return {};
  Metrics late = eval_metrics(*measured);
  late["time/evaluate"] = timer.lap();
  if (files_) {
    files_->measured_late(first_step_, late);
    files_->sync_to_disk();
    checkpoints_.add_metrics(first_step_, late);
  }
  return measured;
}

// One step, or none when somebody asked to stop while it generated, before its update. Its draws and what it told the
// normalizer are taken back then, so that a resumed run does the step again from its beginning; likewise when it fails
// before its update, and the steps before it are saved.
std::optional<Metrics> GrpoRun::whole_step(int64_t step) {
  const Collector::State draws = collector_.state();
  const std::string normalizer = normalizer_.save();
  const int64_t skipped = learner_.skipped_in_a_row();
  const auto undo = [&] {
    collector_.restore(draws);
    normalizer_.load(normalizer);
    learner_.go_on_after_skipped(skipped);
  };
  const int64_t updates = learner_.optimizer().steps();
  try {
    return this->step(step);
  } catch (const Stopped&) {
    undo();
    return {};
  } catch (const std::exception& failure) {
    // Saving is done together: not where other ranks do not know of the failure yet.
    const bool together = mesh_.alone() || dynamic_cast<const ErrorOfAll*>(&failure);
    const bool good = !dynamic_cast<const ReplicasDiffer*>(&failure);
    if (together && good && learner_.optimizer().steps() == updates && step - 1 > saved_) {
      try {
        undo();
        writer_.forget_failure();  // there may be room by now
        save(step - 1);
        writer_.finish();
        log::warning("step ", step, " failed; the ", step - 1, " steps before it are saved");
      } catch (const std::exception& error) {  // why the step failed says more
        log::error("step ", step, " failed, and so did saving the steps before it: ", error.what());
      }
    }
    throw;
  }
}

// Says once that the step has no such metric as the best checkpoint is chosen by, where it should have it.
void GrpoRun::expect_best_metric(int64_t step, bool measured) {
  const std::string& name = config_.checkpoint.keep_best_metric;
  if (name.empty() || metrics_.contains(name) || missing_metric_said_) return;
  if (name.starts_with("eval/") && !measured) return;
  missing_metric_said_ = true;
  log::warning(name_of(config_, "checkpoint.keep_best_metric"), ": step ", step, " has no metric ", name,
               similar_names(metrics_, name), ". While steps have none, no checkpoint is kept as the best");
}

// Afterwards every rank knows that one was asked to stop. Not before: to be asked twice means to end at once.
int64_t GrpoRun::run() {
  const int64_t done = train();
  int none = 0;
  if (stopped_ && !mesh_.alone() && options_.stop) options_.stop->compare_exchange_strong(none, 1);
  return done;
}

int64_t GrpoRun::train() {
  const int64_t steps = total_steps(config_.train, rows_->size());
  learner_.expect(steps);
  peak_flops_ = nn::measure_matmul(work_.model->dtype(), work_.model->device());
  if (world_->is_first()) {
    files_.emplace(config_, options_.resume && first_step_ > 0 ? std::optional<int64_t>(first_step_) : std::nullopt);
  }
  if (eval_rows_ && first_step_ == 0) {
    std::optional<Evaluation> before = measure(0);
    if (!before) return 0;
    if (files_) files_->before(*before);
  }
  progress_.emplace("train", steps, ProgressOptions{.first = first_step_, .quiet = !world_->is_first()});
  int64_t done = saved_ = first_step_;
  std::optional<Evaluation> measured = measure_late();  // after the newest step
  while (done < steps && !agree_to_stop()) {
    writer_.check();
    std::optional<Metrics> metrics = whole_step(done + 1);
    if (!metrics) {
      stopped_ = true;
      break;
    }
    ++done;
    metrics_ = *std::move(metrics);
    measured.reset();
    if (measures_after(done)) {
      Timer timer;
      measured = measure(done);
      if (measured) add(metrics_, eval_metrics(*measured));
      metrics_["time/evaluate"] = timer.lap();
    }
    // Metrics first: a resumed run cuts off what is newer than its checkpoint.
    if (files_) files_->step(done, metrics_);
    expect_best_metric(done, measured.has_value());
    if (config_.checkpoint.every > 0 && done % config_.checkpoint.every == 0) save(done);
    if (metrics_.contains("reward/mean")) reward_ = metrics_.at("reward/mean");
    if (metrics_.contains("rollout/tokens_per_second")) speed_ = metrics_.at("rollout/tokens_per_second");
    progress_->update(done, reward_, speed_);
    if (options_.on_step && !options_.on_step({done, metrics_})) callback_stopped_ = true;
  }
  progress_.reset();
  if (done > saved_) {
    if (stopped_) writer_.forget_failure();  // there may be room by now
    save(done);
  }
  if (eval_rows_ && done == steps && !agree_to_stop()) {
    if (!measured) measured = measure(done);
    if (measured && files_) files_->after(done, *measured);
  }
  writer_.finish();
  if (done > 0 && files_) files_->report();
  return done;
}

}  // namespace

int64_t run_grpo(const Config& config, std::shared_ptr<const plugin::Registry> registry, const TrainOptions& options) {
  const std::shared_ptr<parallel::World> world = open_world(config);
  parallel::Watch watch(*world, watch_options(config.parallel));
  const auto run = [&] {
    GrpoRun run(config, std::move(registry), options, *world);
    watch.training_begins();
    return run.run();
  };
  return watch.guard([&] {
    if (!world->rank().alone()) parallel::agree(*world, facts_of(config, *registry, options.resume));
    if (!world->is_first()) {  // the first rank speaks for all
      log::set_level(std::max(log::level(), log::Level::error));
      return run();
    }
    const FileLock lock(fs::path(config.run.directory) / "lock", config.run.directory);
    if (!options.resume) check_folder(config);  // before anything is written into it
    const log::ToFile to_file(fs::path(config.run.directory) / "log.txt");
    try {
      return run();
    } catch (const std::exception& error) {
      log::write_to_file(log::Level::error, error.what());
      throw;
    }
  });
}

}  // namespace golong

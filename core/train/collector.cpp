#include "core/train/collector.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/rank_errors.h"
#include "core/report/log.h"
#include "core/rollout/options.h"
#include "core/train/batch.h"
#include "core/train/overlong.h"
#include "core/train/surplus.h"

namespace golong {

// All groups that a step generated, kept or not, and what it took.
struct Collector::Generated {
  std::vector<Group> groups;
  double generate_seconds = 0, score_seconds = 0, idle_seconds = 0;
  RolloutStats stats;  // of all rounds

  void add(const AnswerStats& answer) {
    generate_seconds += answer.generate_seconds;
    score_seconds += answer.score_seconds;
    idle_seconds += answer.idle_seconds;
    const RolloutStats& more = answer.rollout;
    stats.prompt_tokens += more.prompt_tokens;
    stats.shared_prompt_tokens += more.shared_prompt_tokens;
    stats.response_tokens += more.response_tokens;
    stats.sent_back += more.sent_back;
    stats.recomputed_tokens += more.recomputed_tokens;
    stats.kv_bytes = std::max(stats.kv_bytes, more.kv_bytes);
  }
};

Collector::Collector(const Config& config, const Workspace& work, std::shared_ptr<const Dataset> rows,
                     Answerer& answerer)
    : config_(config),
      work_(work),
      sampler_(std::move(rows), static_cast<uint64_t>(config.train.seed), config.data.shuffle,
               config.data.task_weights),
      answerer_(answerer) {}

void Collector::restore(State state) {
  sampler_.load(state.draws);
  surplus_ = std::move(state.surplus);
}

// Draws prompts once: responses to them, and their rewards.
std::vector<Group> Collector::generate(int64_t step, Progress& progress, const std::function<bool()>& should_stop,
                                       Generated& generated) {
  const TrainConfig& train = config_.train;
  progress.phase("generate");
  std::vector<Group> groups =
      answerer_.answer(sampler_.next(static_cast<size_t>(draw_size(train))),
                       train_sampling(config_, work_.stop_ids, work_.tokenizer), static_cast<uint64_t>(train.seed),
                       Stream::train, step - 1, {.should_stop = should_stop}, [&] { progress.phase("score"); });
  penalise_overlong(groups, train.overlong, config_.rollout.max_response_tokens);
  generated.add(answerer_.stats());
  return groups;
}

Metrics Collector::metrics_of(const Generated& generated) const {
  Metrics metrics{{"time/generate", generated.generate_seconds}, {"time/score", generated.score_seconds}};
  if (answerer_.ranks() > 1) metrics["time/rollout_idle"] = generated.idle_seconds;
  if (generated.groups.empty()) return metrics;  // the surplus of earlier steps was enough
  ReportColumns columns = report_columns(generated.groups, config_.rewards);
  metrics.merge(generation_metrics(columns.groups, columns.responses));
  double differing = 0, penalty = 0;
  for (const Group& group : generated.groups) differing += rewards_differ(group, config_.rewards);
  for (const ResponseColumn& response : columns.responses) penalty += response.penalty;
  metrics["filter/dropped_share"] = 1 - differing / static_cast<double>(generated.groups.size());
  if (config_.train.overlong.buffer_tokens > 0) {
    metrics["rollout/overlong_penalty"] = penalty / static_cast<double>(columns.responses.size());
  }
  const RolloutStats& stats = generated.stats;
  const double seconds = generated.generate_seconds;
  const auto computed = static_cast<double>(stats.prompt_tokens),
             found = static_cast<double>(stats.shared_prompt_tokens);
  metrics["rollout/tokens_per_second"] =
      seconds > 0 ? (computed + static_cast<double>(stats.response_tokens)) / seconds : 0;
  metrics["rollout/shared_token_share"] = computed + found > 0 ? found / (computed + found) : 0;
  metrics["rollout/preemptions"] = static_cast<double>(stats.sent_back);
  metrics["rollout/recomputed_tokens"] = static_cast<double>(stats.recomputed_tokens);
  metrics["perf/kv_cache_bytes"] = static_cast<double>(stats.kv_bytes);
  return metrics;
}

std::vector<Group> Collector::collect(int64_t step, Progress& progress, const std::function<bool()>& should_stop,
                                      Metrics& metrics) {
  const TrainConfig& train = config_.train;
  const size_t wanted = static_cast<size_t>(train.prompts_per_step);
  std::vector<Group> kept = take_first(surplus_, wanted);
  Generated generated;
  for (int64_t round = 0; kept.size() < wanted; ++round) {
    if (round == train.max_generation_batches) {
      check_scored(step, generated.groups, config_.rewards);
      fail_all(
          "step ", step, ": after ", round, " generation batches only ", kept.size(), " of ", wanted,
          " groups have rewards that differ; ", range_of_rewards(generated.groups, config_.rewards),
          ". Raise train.max_generation_batches or rollout.n, lower "
          "train.prompts_per_step, or take easier or harder rows; train.filter_groups = false trains on all groups");
    }
    for (Group& group : generate(step, progress, should_stop, generated)) {
      if (!train.filter_groups || rewards_differ(group, config_.rewards)) {
        if (kept.size() < wanted) {
          kept.push_back(group);
        } else if (train.keep_surplus) {
          surplus_.push_back(group);
        }
      }
      generated.groups.push_back(std::move(group));
    }
    if (kept.size() < wanted && round % 4 == 3) {
      log::info("step ", step, ": after ", round + 1, " draws ", kept.size(), " of ", wanted,
                " groups whose rewards differ (train.filter_groups)");
    }
    // Fewer may be rows that have no score.
    if (generated.groups.size() >= wanted) check_scored(step, generated.groups, config_.rewards);
  }
  metrics.merge(metrics_of(generated));
  if (train.keep_surplus) metrics.merge(surplus_metrics(kept, surplus_, step - 1));
  return kept;
}

}  // namespace golong

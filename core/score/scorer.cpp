#include "core/score/scorer.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "core/base/thread_pool.h"
#include "core/score/batch.h"
#include "core/score/gate.h"
#include "core/score/group_job.h"
#include "core/score/isolated_job.h"
#include "core/score/isolated_reward.h"
#include "core/score/reward_instances.h"
#include "core/score/watchdog.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

using std::chrono::nanoseconds;

// Time for a call to notice its deadline, before its thread is given up.
nanoseconds grace_after(nanoseconds deadline) {
  return std::clamp<nanoseconds>(deadline, std::chrono::milliseconds(200), std::chrono::seconds(2));
}

// Where the responses of a reward are scored: in the scoring threads, or in worker processes.
struct RewardPlace {
  const plugin::Plugin* plugin = nullptr;
  std::shared_ptr<RewardInstances> instances;
  std::shared_ptr<IsolatedReward> isolated;
};

using StartJob = std::function<void(ThreadPool&)>;  // hands a job over to the pool, once

}  // namespace

struct Scorer::State {
  Config config;
  std::shared_ptr<const plugin::Registry> registry;
  ScoreContext context;
  std::mutex mutex;  // of `rewards`
  std::map<std::string, RewardPlace> rewards;
  ThreadPool pool;  // last: its threads end first

  State(const Config& config, std::shared_ptr<const plugin::Registry> registry)
      : config(config), registry(std::move(registry)), pool(static_cast<size_t>(config.rewards.threads)) {
    context.deadline = nanoseconds(static_cast<int64_t>(config.rewards.deadline_seconds * 1e9));
    context.grace = grace_after(context.deadline);
    context.watchdog = std::make_shared<Watchdog>();
  }

  RewardPlace place(const std::string& id);

  // What starts the scoring of a group; null where no response reaches its reward. `to_score` receives those that do.
  StartJob job(Group& group, size_t index, const std::shared_ptr<Batch>& batch, std::vector<bool>& to_score);

  // Until the batch has ended. Throws Error when too many calls hang.
  void wait(Batch& batch);
};

RewardPlace Scorer::State::place(const std::string& id) {
  std::lock_guard lock(mutex);
  RewardPlace& found = rewards[id];
  if (found.instances || found.isolated) return found;
  found.plugin = &registry->find(plugin::Kind::reward, id);
  const plugin::Settings settings = reward_settings(config, *found.plugin);
  if (config.is_isolated(id)) {
    const auto memory = static_cast<uint64_t>(std::min(config.rewards.isolate_memory_mb, int64_t{1} << 40)) << 20;
    found.isolated = std::make_shared<IsolatedReward>(*found.plugin, settings, memory);
  } else {
    found.instances = std::make_shared<RewardInstances>(registry, *found.plugin, settings);
  }
  return found;
}

StartJob Scorer::State::job(Group& group, size_t index, const std::shared_ptr<Batch>& batch,
                            std::vector<bool>& to_score) {
  std::vector<ScoreItem> items;
  for (size_t i = 0; i < group.responses.size(); ++i) {
    Response& response = group.responses[i];
    response.detail = config.rewards.gate ? gate(response.text) : "";
    if (!response.detail.empty()) {
      response.outcome = Outcome::scored;
      response.reward = 0;
      continue;
    }
    to_score[i] = true;
    items.push_back({i, to_valid_utf8(response.text)});
  }
  if (items.empty()) return nullptr;
  const Prompt& prompt = group.prompt;
  if (!prompt.gold) fail("row ", prompt.uid, " has no gold answer to score with");
  const RewardPlace reward = place(prompt.reward);
  GroupWork work{batch, reward.plugin, prompt.gold, prompt.uid, index, std::move(items)};
  if (reward.isolated) {
    auto job = std::make_shared<IsolatedJob>(context, std::move(work), reward.isolated);
    return [job = std::move(job)](ThreadPool& pool) mutable { IsolatedJob::start(std::move(job), pool); };
  }
  auto job = std::make_shared<GroupJob>(context, std::move(work), reward.instances);
  return [job = std::move(job)](ThreadPool& pool) mutable { GroupJob::start(std::move(job), pool); };
}

void Scorer::State::wait(Batch& batch) {
  Watchdog& watchdog = *context.watchdog;
  // When nothing runs at the moment: no call that begins from now on has to end before this.
  auto next = [&] { return Clock::now() + context.deadline + context.grace; };
  Clock::time_point look_again = next();
  while (!batch.wait(look_again)) {
    look_again = watchdog.check(pool, next());
    if (watchdog.lost() < static_cast<size_t>(config.rewards.max_hung_calls)) continue;
    batch.stop();
    watchdog.abandon(pool);  // nobody waits for them
    fail(watchdog.last_lost(), ": ", watchdog.lost(), " calls ignored their deadline of ",
         config.rewards.deadline_seconds,
         " s and still hold their threads, this one last; the run stops (rewards.max_hung_calls). Set `isolate = true` "
         "in the [rewards.ID] table of this reward: its calls then run in processes that can be killed. Or mend it: in "
         "long loops a reward has to ask whether its call was cancelled");
  }
}

Scorer::Scorer(const Config& config, std::shared_ptr<const plugin::Registry> registry)
    : state_(std::make_unique<State>(config, std::move(registry))) {}

Scorer::~Scorer() = default;

void Scorer::score(std::vector<Group>& groups) const {
  auto batch = std::make_shared<Batch>(groups.size());
  std::vector<std::vector<bool>> to_score(groups.size());
  std::vector<StartJob> jobs;
  for (size_t g = 0; g < groups.size(); ++g) {
    to_score[g].resize(groups[g].responses.size());
    batch->expect(g, groups[g].responses.size());
    if (auto job = state_->job(groups[g], g, batch, to_score[g])) jobs.push_back(std::move(job));
  }
  // Only now: where a reward is not known or cannot be made, nothing has begun.
  for (StartJob& start : jobs) start(state_->pool);
  state_->wait(*batch);
  const RewardsConfig& config = state_->config.rewards;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < groups[g].responses.size(); ++i) {
      if (!to_score[g][i]) continue;
      Response& response = groups[g].responses[i];
      ScoreResult result = batch->result(g, i);
      response.outcome = result.outcome;
      response.reward = result.score;
      response.detail = std::move(result.detail);
      if (response.outcome == Outcome::timeout && config.timeout_reward) response.reward = *config.timeout_reward;
      if (response.outcome == Outcome::error && config.error_reward) response.reward = *config.error_reward;
    }
  }
}

}  // namespace golong

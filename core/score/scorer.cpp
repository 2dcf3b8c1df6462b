#include "core/score/scorer.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "core/base/thread_pool.h"
#include "core/score/batch.h"
#include "core/score/gate.h"
#include "core/score/group_job.h"
#include "core/score/reward_instances.h"
#include "core/score/watchdog.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

using std::chrono::nanoseconds;

constexpr size_t most_lost_calls = 8;  // that hang at the same time, before the run stops

// Time for a call to notice its deadline, before its thread is given up.
nanoseconds grace_after(nanoseconds deadline) {
  return std::clamp<nanoseconds>(deadline, std::chrono::milliseconds(200), std::chrono::seconds(2));
}

}  // namespace

struct Scorer::State {
  Config config;
  std::shared_ptr<const plugin::Registry> registry;
  ScoreContext context;
  std::mutex mutex;  // of `rewards`
  std::map<std::string, std::shared_ptr<RewardInstances>> rewards;
  ThreadPool pool;  // last: its threads end first

  State(const Config& config, std::shared_ptr<const plugin::Registry> registry)
      : config(config), registry(std::move(registry)), pool(static_cast<size_t>(config.rewards.threads)) {
    context.deadline = nanoseconds(static_cast<int64_t>(config.rewards.deadline_seconds * 1e9));
    context.grace = grace_after(context.deadline);
    context.watchdog = std::make_shared<Watchdog>();
  }

  std::shared_ptr<RewardInstances> reward(const std::string& id) {
    std::lock_guard lock(mutex);
    std::shared_ptr<RewardInstances>& found = rewards[id];
    if (!found) {
      const plugin::Plugin& plugin = registry->find(plugin::Kind::reward, id);
      found = std::make_shared<RewardInstances>(registry, plugin, reward_settings(config, plugin));
    }
    return found;
  }

  // Null where no response of the group reaches its reward. `to_score` receives those that do.
  std::shared_ptr<GroupJob> job(Group& group, size_t index, const std::shared_ptr<Batch>& batch,
                                std::vector<bool>& to_score);

  // Until the batch has ended. Throws Error when too many calls hang.
  void wait(Batch& batch);
};

std::shared_ptr<GroupJob> Scorer::State::job(Group& group, size_t index, const std::shared_ptr<Batch>& batch,
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
  return std::make_shared<GroupJob>(context, batch, reward(prompt.reward), prompt.gold, prompt.uid, index,
                                    std::move(items));
}

void Scorer::State::wait(Batch& batch) {
  Watchdog& watchdog = *context.watchdog;
  // When nothing runs at the moment: no call that begins from now on has to end before this.
  auto next = [&] { return Clock::now() + context.deadline + context.grace; };
  Clock::time_point look_again = next();
  while (!batch.wait(look_again)) {
    look_again = watchdog.check(pool, next());
    if (watchdog.lost() < most_lost_calls) continue;
    batch.stop();
    watchdog.abandon(pool);  // nobody waits for them
    fail(watchdog.last_lost(), ": ", watchdog.lost(), " calls ignored their deadline of ",
         config.rewards.deadline_seconds,
         " s and still hold their threads, this one last; the run stops. Mend the reward: in long loops it has to ask "
         "whether its call was cancelled. Or raise rewards.deadline_seconds, or take the row out of the data");
  }
}

Scorer::Scorer(const Config& config, std::shared_ptr<const plugin::Registry> registry)
    : state_(std::make_unique<State>(config, std::move(registry))) {}

Scorer::~Scorer() = default;

void Scorer::score(std::vector<Group>& groups) const {
  auto batch = std::make_shared<Batch>(groups.size());
  std::vector<std::vector<bool>> to_score(groups.size());
  std::vector<std::shared_ptr<GroupJob>> jobs;
  for (size_t g = 0; g < groups.size(); ++g) {
    to_score[g].resize(groups[g].responses.size());
    batch->expect(g, groups[g].responses.size());
    if (auto job = state_->job(groups[g], g, batch, to_score[g])) jobs.push_back(std::move(job));
  }
  // Only now: where a reward is not known or cannot be made, nothing has begun.
  for (auto& job : jobs) GroupJob::start(std::move(job), state_->pool);
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

#include "core/score/scorer.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "core/base/error.h"
#include "core/plugin/call.h"
#include "core/score/gate.h"
#include "core/score/gold_view.h"
#include "core/score/watched_work.h"

namespace golong {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// Between a plugin's deadline and the moment when its thread is written off.
constexpr nanoseconds kGrace = std::chrono::seconds(1);
constexpr int kMostHangs = 8;

// An instance, and a lock where the plugin allows one thread at a time.
struct Reward {
  Reward(const plugin::Plugin& plugin, const plugin::Settings& settings) : instance(plugin, settings) {}
  plugin::Instance instance;
  std::timed_mutex mutex;
};

// What `prepare` made of one gold. Keeps its reward alive, and is released by it.
struct Prepared {
  std::shared_ptr<Reward> reward;
  Gold gold;
  void* handle = nullptr;
  Outcome outcome = Outcome::scored;  // else: no response of the group can be scored
  std::string detail;
  Prepared() = default;
  Prepared(const Prepared&) = delete;
  ~Prepared() {
    if (!handle) return;
    // A plugin that takes one thread at a time may still be busy with a response that was given up: then leak.
    std::unique_lock lock(reward->mutex, std::defer_lock);
    if (reward->instance.thread_safe() || lock.try_lock()) {
      reward->instance.reward().release(reward->instance.get(), handle);
    }
  }
};

// One response on its way; owned by the job, since a thread that was written off may still read it.
struct Task {
  std::shared_ptr<Prepared> prepared;
  std::string text;
  double score = 0;
  Outcome outcome = Outcome::scored;
  std::string detail;
};

struct CallContext {
  golong_call call{};
  std::string detail;
};

// A call with a deadline that starts now. The context must stay where it is.
void start_call(CallContext& context, nanoseconds limit) {
  context.call.struct_size = sizeof context.call;
  context.call.deadline_ns = (steady_clock::now() + limit).time_since_epoch().count();
  context.call.cancelled = [](const golong_call* call) {
    return static_cast<int32_t>(steady_clock::now().time_since_epoch().count() >= call->deadline_ns);
  };
  context.call.detail = plugin::sink(context.detail);
}

std::string who(const Reward& reward) { return "reward " + reward.instance.plugin().id; }

std::string in_seconds(nanoseconds limit) {
  std::ostringstream text;
  text << std::chrono::duration<double>(limit).count() << " s";
  return text.str();
}

void prepare(Prepared& p, nanoseconds limit) {
  std::unique_lock lock(p.reward->mutex, std::defer_lock);
  if (!p.reward->instance.thread_safe() && !lock.try_lock_for(limit)) {
    p.outcome = Outcome::timeout;
    p.detail = who(*p.reward) + ": busy with another row for " + in_seconds(limit);
    return;
  }
  GoldView gold(p.gold);
  plugin::ErrorBuffer error;
  const golong_reward& functions = p.reward->instance.reward();
  golong_status status = functions.prepare(p.reward->instance.get(), gold.get(), &p.handle, error.get());
  if (status == GOLONG_OK) return;
  p.handle = nullptr;
  p.outcome = status == GOLONG_UNSCORABLE  ? Outcome::unscorable
              : status == GOLONG_CANCELLED ? Outcome::timeout
                                           : Outcome::error;
  p.detail = who(*p.reward) + ": " + error.text();
}

void score_one(Task& task, nanoseconds limit) {
  Reward& reward = *task.prepared->reward;
  CallContext context;
  start_call(context, limit);
  std::unique_lock lock(reward.mutex, std::defer_lock);
  if (!reward.instance.thread_safe() && !lock.try_lock_for(limit)) {
    task.outcome = Outcome::timeout;
    task.detail = who(reward) + ": busy with another response for " + in_seconds(limit);
    return;
  }
  golong_response response{sizeof response, 0, plugin::view(task.text), plugin::view(answer_part(task.text))};
  plugin::ErrorBuffer error;
  double score = NAN;
  golong_status status = reward.instance.reward().score(reward.instance.get(), task.prepared->handle, &response,
                                                        &context.call, &score, error.get());
  task.detail = context.detail;
  if (status == GOLONG_OK && std::isfinite(score)) {
    task.score = score;
  } else if (status == GOLONG_OK) {
    task.outcome = Outcome::error;
    task.detail = who(reward) + " gave the score " + std::to_string(score) + "; a finite number is expected";
  } else if (status == GOLONG_CANCELLED) {
    task.outcome = Outcome::timeout;
    task.detail = who(reward) + ": not done within " + in_seconds(limit);
  } else {
    task.outcome = status == GOLONG_UNSCORABLE ? Outcome::unscorable : Outcome::error;
    task.detail = who(reward) + ": " + error.text();
  }
}

}  // namespace

struct Scorer::State {
  Config config;
  std::shared_ptr<const plugin::Registry> registry;
  nanoseconds limit;
  size_t threads;
  std::map<std::string, std::shared_ptr<Reward>> rewards;
  std::mutex mutex;
  std::atomic<int> hangs{0};

  std::shared_ptr<Reward> reward(const std::string& id) {
    std::lock_guard lock(mutex);
    std::shared_ptr<Reward>& found = rewards[id];
    if (!found) found = std::make_shared<Reward>(registry->find(plugin::Kind::reward, id), settings(id));
    return found;
  }

  // [rewards.ID], with rewards.mode for a parameter `mode` that is not set there.
  plugin::Settings settings(const std::string& id) const {
    auto own = config.reward_settings.find(id);
    plugin::Settings settings = own == config.reward_settings.end() ? plugin::Settings{} : own->second;
    const golong_descriptor& d = *registry->find(plugin::Kind::reward, id).descriptor;
    for (uint32_t i = 0; i < d.param_count; ++i) {
      if (std::string_view(d.params[i]->name) == "mode" && d.params[i]->type == GOLONG_STRING) {
        settings.try_emplace("mode", plugin::Setting{config.rewards.mode, "rewards.mode"});
      }
    }
    return settings;
  }

  void note_hang(const std::string& what) {
    if (++hangs >= kMostHangs) {
      fail(what, ": ", kMostHangs, " calls ignored their deadline of ", in_seconds(limit),
           " and their threads are lost; the run stops. Mend the plugin, or raise rewards.deadline_seconds");
    }
  }
};

Scorer::Scorer(const Config& config, std::shared_ptr<const plugin::Registry> registry)
    : state_(std::make_unique<State>()) {
  state_->config = config;
  state_->registry = std::move(registry);
  state_->limit = nanoseconds(static_cast<int64_t>(config.rewards.deadline_seconds * 1e9));
  state_->threads = config.rewards.threads > 0 ? static_cast<size_t>(config.rewards.threads)
                                               : std::max(1u, std::thread::hardware_concurrency());
}

Scorer::~Scorer() = default;

void Scorer::score(std::vector<Group>& groups) const {
  State& s = *state_;
  const RewardsConfig& config = s.config.rewards;
  // 1. The gate, then one job for each group that has a response to score.
  auto golds = std::make_shared<std::vector<std::shared_ptr<Prepared>>>();
  auto tasks = std::make_shared<std::vector<Task>>();
  std::vector<Response*> responses;
  std::vector<size_t> group_of_gold;
  for (size_t g = 0; g < groups.size(); ++g) {
    std::shared_ptr<Prepared> prepared;
    for (Response& response : groups[g].responses) {
      response.outcome = Outcome::scored;
      response.reward = 0;
      response.detail = config.gate ? gate(response.text) : "";
      if (!response.detail.empty()) continue;
      if (!prepared) {
        prepared = std::make_shared<Prepared>();
        prepared->reward = s.reward(groups[g].prompt.reward);
        prepared->gold = *groups[g].prompt.gold;
        golds->push_back(prepared);
        group_of_gold.push_back(g);
      }
      responses.push_back(&response);
      tasks->push_back({prepared, response.text});
    }
  }
  // 2. Each gold is read once.
  nanoseconds limit = s.limit;
  std::vector<bool> hung =
      run_watched(golds->size(), s.threads, limit + kGrace, [golds, limit](size_t i) { prepare(*(*golds)[i], limit); });
  std::map<const Prepared*, size_t> gold_index;
  for (size_t i = 0; i < golds->size(); ++i) gold_index[(*golds)[i].get()] = i;
  for (size_t i = 0; i < hung.size(); ++i) {
    if (hung[i]) s.note_hang("row " + groups[group_of_gold[i]].prompt.uid + ", " + who(*(*golds)[i]->reward));
  }
  // 3. Each response is scored.
  auto todo = std::make_shared<std::vector<size_t>>();
  for (size_t i = 0; i < tasks->size(); ++i) {
    size_t gold = gold_index.at((*tasks)[i].prepared.get());
    if (!hung[gold] && (*golds)[gold]->outcome == Outcome::scored) todo->push_back(i);
  }
  std::vector<bool> late = run_watched(todo->size(), s.threads, limit + kGrace,
                                       [tasks, todo, limit](size_t i) { score_one((*tasks)[(*todo)[i]], limit); });
  std::vector<bool> given_up(tasks->size());
  for (size_t i = 0; i < todo->size(); ++i) given_up[(*todo)[i]] = late[i];
  // 4. Back to the responses.
  for (size_t i = 0; i < tasks->size(); ++i) {
    Response& response = *responses[i];
    const Prepared& prepared = *(*tasks)[i].prepared;
    size_t gold = gold_index.at(&prepared);
    if (hung[gold] || given_up[i]) {
      response.outcome = Outcome::timeout;
      response.detail = who(*prepared.reward) + " ignored its deadline of " + in_seconds(limit);
      if (given_up[i]) s.note_hang("row " + groups[group_of_gold[gold]].prompt.uid + ", " + who(*prepared.reward));
    } else if (prepared.outcome != Outcome::scored) {
      response.outcome = prepared.outcome;
      response.detail = prepared.detail;
    } else {
      response.outcome = (*tasks)[i].outcome;
      response.detail = (*tasks)[i].detail;
      response.reward = (*tasks)[i].score;
    }
    if (response.outcome == Outcome::timeout && config.timeout_reward) response.reward = *config.timeout_reward;
    if (response.outcome == Outcome::error && config.error_reward) response.reward = *config.error_reward;
  }
}

}  // namespace golong

#include "core/score/benchmark.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <numeric>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/data/gold_view.h"
#include "core/score/gate.h"
#include "core/score/reward_instances.h"
#include "core/score/scorer.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double measurable = 100e-6;  // seconds: shorter work is repeated until it takes that long
constexpr size_t most_repeated = 1000;

// CLOCK_THREAD_CPUTIME_ID and CLOCK_PROCESS_CPUTIME_ID count the time on a processor, of this thread or of all: other
// work on the machine does not slow them. CLOCK_MONOTONIC is the clock on the wall.
double now(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) fail("clock_gettime: this machine does not have the clock ", clock);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <class Function>
double time_of(clockid_t clock, const Function& function) {
  const double begin = now(clock);
  function();
  return now(clock) - begin;
}

// The rows by reward, as groups whose responses all pass the gate and are scored.
std::map<std::string, std::vector<Group>> read_groups(const RowFile& rows, const Config& config,
                                                      const std::shared_ptr<const plugin::Registry>& registry) {
  const Router router(config, registry);
  std::map<std::string, std::vector<Group>> groups;
  for (size_t i = 0; i < rows.size(); ++i) {
    try {
      Row row = rows.read(i);
      const Route route = router.route(row);
      Group group;
      group.prompt.uid = rows.where(i);
      group.prompt.task = route.task;
      group.prompt.reward = route.reward;
      group.prompt.gold = std::make_shared<const Gold>(gold_for(row, route));
      bool passes = !row.responses.empty();
      for (std::string& text : row.responses) {
        passes = passes && (!config.rewards.gate || gate(text).empty());
        group.responses.emplace_back().text = to_valid_utf8(text);
      }
      if (passes) groups[route.reward].push_back(std::move(group));
    } catch (const Error&) {
      continue;  // a row without a reward has no time; the caller counts it
    }
  }
  return groups;
}

bool is_scored(const Group& group) {
  return std::all_of(group.responses.begin(), group.responses.end(),
                     [](const Response& response) { return response.outcome == Outcome::scored; });
}

// The best time for all groups through the scorer. The first of the repetitions also warms it up.
double scorer_seconds(clockid_t clock, const Scorer& scorer, const std::vector<Group>& groups, size_t repetitions) {
  double best = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i <= repetitions; ++i) {
    std::vector<Group> copies = groups;
    best = std::min(best, time_of(clock, [&] { scorer.score(copies); }));
  }
  return best;
}

// Calls a reward as the scorer does, in this thread and without a watchdog.
class DirectCalls {
 public:
  DirectCalls(const plugin::Instance& instance, double deadline) : instance_(instance), deadline_(deadline) {}

  void score(const GoldView& gold, const std::vector<Response>& responses) const {
    plugin::ErrorBuffer error;
    void* prepared = nullptr;
    const golong_reward& reward = instance_.reward();
    if (reward.prepare(instance_.get(), &gold.get(), &prepared, error.get()) != GOLONG_OK)
      fail(instance_.plugin().id, ": prepare failed: ", error.text());
    for (const Response& response : responses) {
      const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(deadline_);
      const golong_call call{sizeof(golong_call), 0, deadline.time_since_epoch().count(), cancelled, {nullptr, ignore}};
      const golong_response view{sizeof(golong_response), 0, plugin::view(response.text),
                                 plugin::view(answer_part(response.text))};
      double score = 0;
      if (reward.score(instance_.get(), prepared, &view, &call, &score, error.get()) != GOLONG_OK)
        fail(instance_.plugin().id, ": score failed: ", error.text());
    }
    reward.release(instance_.get(), prepared);
  }

 private:
  static int32_t cancelled(const golong_call* call) {
    return Clock::now().time_since_epoch().count() > call->deadline_ns ? 1 : 0;
  }
  static void ignore(void*, golong_string) {}

  const plugin::Instance& instance_;
  std::chrono::duration<double> deadline_;
};

double row_seconds(const DirectCalls& calls, const Group& group, size_t repetitions) {
  const GoldView gold(*group.prompt.gold);
  const auto once = [&] { calls.score(gold, group.responses); };
  once();
  const double first = std::max(time_of(CLOCK_THREAD_CPUTIME_ID, once), 1e-9);
  const auto together = std::clamp<size_t>(static_cast<size_t>(measurable / first), 1, most_repeated);
  double best = first;
  for (size_t i = 0; i < repetitions; ++i) {
    const double all = time_of(CLOCK_THREAD_CPUTIME_ID, [&] {
      for (size_t k = 0; k < together; ++k) once();
    });
    best = std::min(best, all / static_cast<double>(together));
  }
  return best;
}

// The smallest value that the share `share` of all does not exceed.
double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

}  // namespace

ScoreBenchmark measure_rewards(const RowFile& rows, const Config& config,
                               const std::shared_ptr<const plugin::Registry>& registry, size_t repetitions) {
  Config alone = config;
  alone.rewards.threads = 1;
  const Scorer one(alone, registry), all(config, registry);
  ScoreBenchmark benchmark;
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  benchmark.threads = config.rewards.threads ? static_cast<size_t>(config.rewards.threads) : cores;
  size_t measured = 0;
  for (auto& [reward, groups] : read_groups(rows, config, registry)) {
    if (config.is_isolated(reward)) {
      fail("rewards.", reward, ".isolate: a benchmark calls the reward in its own process; set it to false to measure");
    }
    all.score(groups);
    std::erase_if(groups, [](const Group& group) { return !is_scored(group); });
    if (groups.empty()) continue;
    measured += groups.size();
    const plugin::Plugin& plugin = registry->find(plugin::Kind::reward, reward);
    const plugin::Instance instance(plugin, reward_settings(config, plugin));
    const DirectCalls calls(instance, config.rewards.deadline_seconds);
    RewardSpeed speed{reward, groups.size()};
    std::vector<double> times;
    for (const Group& group : groups) {
      speed.responses += group.responses.size();
      times.push_back(row_seconds(calls, group, repetitions));
    }
    const auto count = static_cast<double>(groups.size());
    speed.rows_per_second_1 = count / scorer_seconds(CLOCK_PROCESS_CPUTIME_ID, one, groups, repetitions);
    speed.rows_per_second = count / scorer_seconds(CLOCK_MONOTONIC, all, groups, repetitions);
    speed.mean = std::accumulate(times.begin(), times.end(), 0.0) / count;
    std::sort(times.begin(), times.end());
    speed.p50 = percentile(times, 0.5);
    speed.p99 = percentile(times, 0.99);
    benchmark.rewards.push_back(speed);
  }
  benchmark.left_out = rows.size() - measured;
  if (measured == 0) fail("no row can be measured: of each, a response was not scored or did not pass the gate");
  return benchmark;
}

}  // namespace golong

// What a normalizer must do with any batch.
#include <algorithm>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/plugin/check_cases.h"
#include "core/plugin/normalizer.h"

namespace golong::plugin {
namespace {

// Groups of n responses whose responses stand apart; every seventh response was not scored.
Columns batch(uint64_t seed, uint32_t groups, uint32_t n, bool all_equal = false) {
  RandomSequence random(seed);
  Columns c;
  c.tasks = {"NDCG", "EM", "任务 3"};
  for (uint32_t u = 0; u < groups; ++u) c.group_tasks.push_back(static_cast<uint32_t>(random.below(c.tasks.size())));
  for (uint32_t i = 0; i < groups * n; ++i) {
    bool is_scored = groups * n < 7 || random.below(7) != 0;
    c.outcomes.push_back(is_scored ? GOLONG_SCORED : GOLONG_TIMEOUT);
    c.rewards.push_back(!is_scored ? 0 : all_equal ? 0.3 : random.uniform());
    c.groups.push_back(i % groups);
    c.lengths.push_back(static_cast<uint32_t>(random.below(1000)));
    c.finish_reasons.push_back(random.below(5) ? GOLONG_FINISH_STOP : GOLONG_FINISH_LENGTH);
  }
  return c;
}

std::vector<double> compute(const Normalizer& normalizer, const Columns& columns) {
  std::map<std::string, double> metrics;
  return normalizer.compute(columns, metrics);
}

void check_batches(const Plugin& plugin) {
  Normalizer normalizer(plugin, {});
  compute(normalizer, {});
  compute(normalizer, batch(1, 1, 1));
  compute(normalizer, batch(2, 5, 1));
  compute(normalizer, batch(3, 1, 16));
  compute(normalizer, batch(4, 40, 8));
  compute(normalizer, batch(5, 6, 4, true));
  Columns none = batch(6, 4, 4);
  std::fill(none.outcomes.begin(), none.outcomes.end(), GOLONG_ERRORED);
  std::fill(none.rewards.begin(), none.rewards.end(), 0);
  compute(normalizer, none);
  Columns extreme = batch(7, 4, 4);
  for (size_t i = 0; i < extreme.rewards.size(); ++i) {
    if (extreme.outcomes[i] == GOLONG_SCORED) extreme.rewards[i] = i % 2 ? 1e6 : -1e6;
  }
  compute(normalizer, extreme);
}

void check_determinism(const Plugin& plugin) {
  Normalizer first(plugin, {}), second(plugin, {});
  for (uint64_t seed = 10; seed < 14; ++seed) {
    if (compute(first, batch(seed, 12, 6)) != compute(second, batch(seed, 12, 6))) {
      fail("two instances give the same batches other advantages");
    }
  }
}

void check_state(const Plugin& plugin) {
  Normalizer first(plugin, {});
  for (uint64_t seed = 20; seed < 23; ++seed) compute(first, batch(seed, 10, 4));
  std::string state = first.save();
  if (first.save() != state) fail("saving twice gives other states");
  Normalizer resumed(plugin, {});
  resumed.load(state);
  if (resumed.save() != state) fail("a state that was loaded is saved otherwise");
  if (compute(first, batch(23, 10, 4)) != compute(resumed, batch(23, 10, 4))) {
    fail("after loading its state it does not go on as before: what does it keep beside what save() gives?");
  }
}

}  // namespace

const std::vector<Check>& normalizer_checks() {
  static const std::vector<Check> all = {
      {"any batch gives finite advantages, one for each response", check_batches},
      {"the same batches give the same advantages", check_determinism},
      {"it goes on from its saved state", check_state},
  };
  return all;
}

}  // namespace golong::plugin

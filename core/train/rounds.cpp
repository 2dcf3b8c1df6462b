#include "core/train/rounds.h"

#include <algorithm>
#include <numeric>

#include "core/train/kept_prompt.h"
#include "core/train/packing.h"

namespace golong {
namespace {

Rounds rounds_of(const std::vector<const Group*>& groups, const RoundRules& rules) {
  Rounds rounds;
  for (auto& part : split(groups, rules.token_budget, rules.share_prefix)) {
    if (rules.share_prefix && packed_tokens(*part[0]) > rules.token_budget) {
      rounds.large.push_back({part[0], static_cast<int64_t>(response_parts(*part[0], rules.token_budget).size())});
    } else {
      rounds.micro_batches.push_back(std::move(part));
    }
  }
  return rounds;
}

// Fills up to as many rounds as the others have.
void keep_step(Rounds& rounds, const Rounds& other) {
  if (rounds.micro_batches.size() < other.micro_batches.size()) rounds.micro_batches.resize(other.micro_batches.size());
  if (rounds.large.size() < other.large.size()) rounds.large.resize(other.large.size(), {nullptr, 0});
  for (size_t i = 0; i < other.large.size(); ++i) {
    rounds.large[i].parts = std::max(rounds.large[i].parts, other.large[i].parts);
  }
}

}  // namespace

std::vector<std::vector<const Group*>> deal(const std::vector<const Group*>& groups, int64_t parts,
                                            const std::function<double(const Group&)>& work) {
  std::vector<size_t> order(groups.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<double> each;
  for (const Group* group : groups) each.push_back(work(*group));
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return each[a] > each[b]; });
  std::vector<double> load(static_cast<size_t>(parts));
  std::vector<std::vector<size_t>> dealt(load.size());
  for (const size_t i : order) {
    const auto least = static_cast<size_t>(std::ranges::min_element(load) - load.begin());
    dealt[least].push_back(i);
    load[least] += each[i];
  }
  std::vector<std::vector<const Group*>> result;
  for (auto& indices : dealt) {
    std::ranges::sort(indices);
    auto& those = result.emplace_back();
    for (const size_t i : indices) those.push_back(groups[i]);
  }
  return result;
}

Rounds plan_rounds(const std::vector<const Group*>& groups, int64_t parts, int64_t part, const RoundRules& rules) {
  if (parts == 1) return rounds_of(groups, rules);
  const auto dealt = deal(groups, parts, rules.work);
  Rounds mine = rounds_of(dealt[static_cast<size_t>(part)], rules);
  if (!rules.in_step) return mine;
  for (const auto& others : dealt) keep_step(mine, rounds_of(others, rules));
  return mine;
}

}  // namespace golong

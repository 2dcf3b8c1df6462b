// Statistics over the scored responses of a batch, as the published estimators compute them: sums in the order of the
// responses, float64.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "golong/plugin.hpp"

namespace golong::plugins {

struct Moments {
  uint64_t count = 0;
  double sum = 0;
  double squares = 0;

  void add(double value) {
    ++count;
    sum += value;
    squares += value * value;
  }
  double mean() const { return count ? sum / static_cast<double>(count) : 0; }
  // Unbiased, by E[x^2] - mean^2 (paper A.6); 0 for fewer than two values.
  double variance() const {
    if (count < 2) return 0;
    double n = static_cast<double>(count);
    return std::max(0.0, squares / n - mean() * mean()) * n / (n - 1);
  }
  // Over the values themselves, ddof 0 (paper E.4).
  double population_std() const {
    return count ? std::sqrt(std::max(0.0, squares / static_cast<double>(count) - mean() * mean())) : 0;
  }
};

// One for each group, of its scored responses.
inline std::vector<Moments> moments_by_group(const sdk::Batch& batch) {
  std::vector<Moments> groups(batch.group_count());
  for (size_t i = 0; i < batch.size(); ++i) {
    if (batch.scored(i)) groups[batch.group(i)].add(batch.reward(i));
  }
  return groups;
}

}  // namespace golong::plugins

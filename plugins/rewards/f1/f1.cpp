#include "plugins/rewards/f1/f1.h"

#include <string_view>
#include <unordered_set>

namespace golong::plugins {

double f1_score(const std::vector<std::string>& gold, const std::vector<std::string>& predicted) {
  std::unordered_set<std::string_view> right(gold.begin(), gold.end()), given(predicted.begin(), predicted.end());
  size_t common = 0;
  for (std::string_view item : given) common += right.count(item);
  if (common == 0) return 0;
  double precision = static_cast<double>(common) / static_cast<double>(given.size());
  double recall = static_cast<double>(common) / static_cast<double>(right.size());
  return 2 * precision * recall / (precision + recall);
}

}  // namespace golong::plugins

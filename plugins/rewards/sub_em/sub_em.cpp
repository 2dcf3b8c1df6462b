#include "plugins/rewards/sub_em/sub_em.h"

#include <string_view>
#include <unordered_set>

namespace golong::plugins {

double sub_em_score(const std::vector<std::string>& gold, const std::vector<std::string>& predicted) {
  if (gold.empty()) return 0;
  std::unordered_set<std::string_view> given(predicted.begin(), predicted.end());
  size_t found = 0;
  for (const std::string& item : gold) found += given.count(item);
  return static_cast<double>(found) / static_cast<double>(gold.size());
}

}  // namespace golong::plugins

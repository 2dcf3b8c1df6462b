#include "plugins/rewards/f1/f1.h"

#include <vector>

namespace golong::plugins {

double f1_score(const ItemList& gold, const ItemList& predicted) {
  ItemIndex items(gold.size() + predicted.size());
  for (std::string_view item : gold) items.add(item);
  const size_t right = items.size();
  std::vector<bool> is_given(right);
  size_t common = 0;
  for (std::string_view item : predicted) {
    const uint32_t number = items.add(item);
    if (number >= right || is_given[number]) continue;
    is_given[number] = true;
    ++common;
  }
  if (common == 0) return 0;
  const size_t given = common + (items.size() - right);
  double precision = static_cast<double>(common) / static_cast<double>(given);
  double recall = static_cast<double>(common) / static_cast<double>(right);
  return 2 * precision * recall / (precision + recall);
}

}  // namespace golong::plugins

#include "plugins/rewards/sub_em/sub_em.h"

#include <utility>
#include <vector>

namespace golong::plugins {

double sub_em_score(const ItemList& gold, const ItemList& predicted) {
  if (gold.empty()) return 0;
  ItemIndex items(gold.size());
  std::vector<size_t> missing;  // how many gold items of each number are not found yet
  missing.reserve(gold.size());
  for (std::string_view item : gold) {
    const uint32_t number = items.add(item);
    if (number == missing.size()) missing.push_back(0);
    ++missing[number];
  }
  size_t found = 0;
  for (std::string_view item : predicted) {
    if (const uint32_t number = items.find(item); number != ItemIndex::kNone)
      found += std::exchange(missing[number], 0);
  }
  return static_cast<double>(found) / static_cast<double>(gold.size());
}

}  // namespace golong::plugins

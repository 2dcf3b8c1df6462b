#include "plugins/rewards/ndcg/ndcg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace golong::plugins {
namespace {

// log2(rank + 2): from a table, since nearly every rank is small.
double discount(size_t rank) {
  static const auto table = [] {
    std::array<double, 256> all{};
    for (size_t i = 0; i < all.size(); ++i) all[i] = std::log2(static_cast<double>(i) + 2);
    return all;
  }();
  return rank < table.size() ? table[rank] : std::log2(static_cast<double>(rank) + 2);
}

double discounted(size_t relevance, size_t rank) { return static_cast<double>(relevance) / discount(rank); }

}  // namespace

double ndcg_score(const ItemList& gold, const ItemList& ranking) {
  const size_t cut = gold.size();
  ItemIndex items(gold.size() + ranking.size());
  std::vector<size_t> place;  // where a gold item stands last, by number
  place.reserve(cut);
  for (size_t i = 0; i < cut; ++i) {
    const uint32_t number = items.add(gold[i]);
    if (number == place.size()) place.push_back(0);
    place[number] = i;
  }
  std::vector<uint32_t> numbers(ranking.size());
  std::vector<size_t> last(cut + ranking.size());  // where an item was named last, by number
  for (size_t i = 0; i < ranking.size(); ++i) {
    numbers[i] = items.add(ranking[i]);
    last[numbers[i]] = i;
  }
  double gain = 0;
  size_t rank = 0;
  for (size_t i = 0; i < ranking.size() && rank < cut; ++i) {
    const uint32_t number = numbers[i];
    if (last[number] != i) continue;  // an item stands where it was named last
    if (number < place.size()) gain += discounted(cut - place[number], rank);
    ++rank;
  }
  if (gain == 0) return 0;

  double best = 0;
  rank = 0;
  for (size_t i = 0; i < cut; ++i) {
    if (place[items.find(gold[i])] == i) best += discounted(cut - i, rank++);
  }
  return gain / best;
}

}  // namespace golong::plugins

#include "plugins/rewards/pairwise/pairwise.h"

#include <cstdint>
#include <limits>
#include <vector>

namespace golong::plugins {
namespace {

// Number of pairs a before b with places[a] < places[b]; places are below `size`. A Fenwick tree over the places seen.
uint64_t ascending_pairs(const std::vector<size_t>& places, size_t size) {
  std::vector<uint64_t> tree(size + 1, 0);
  uint64_t pairs = 0;
  for (size_t place : places) {
    for (size_t i = place; i > 0; i &= i - 1) pairs += tree[i];  // those below `place`
    for (size_t i = place + 1; i <= size; i += i & (~i + 1)) ++tree[i];
  }
  return pairs;
}

double pairs_of(size_t n) { return 0.5 * static_cast<double>(n) * (static_cast<double>(n) - 1); }

}  // namespace

double pairwise_score(const ItemList& gold, const ItemList& predicted, Mode mode) {
  if (gold.size() <= 1 || predicted.size() <= 1) return 0;
  const ItemIndex items(gold);
  constexpr size_t nowhere = std::numeric_limits<size_t>::max();
  std::vector<size_t> last(items.size(), nowhere);  // where an item was named last
  for (size_t i = 0; i < predicted.size(); ++i) {
    if (const uint32_t number = items.find(predicted[i]); number != ItemIndex::kNone) last[number] = i;
  }
  std::vector<size_t> places;
  places.reserve(gold.size());
  for (std::string_view item : gold) {
    if (const size_t place = last[items.find(item)]; place != nowhere) places.push_back(place);
  }
  double correct = static_cast<double>(ascending_pairs(places, predicted.size()));
  double score = correct / pairs_of(mode == Mode::strict ? gold.size() : predicted.size());
  return score > 1 ? 0 : score;
}

}  // namespace golong::plugins

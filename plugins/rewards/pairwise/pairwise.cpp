#include "plugins/rewards/pairwise/pairwise.h"

#include <cstdint>
#include <string_view>
#include <unordered_map>

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

double pairwise_score(const std::vector<std::string>& gold, const std::vector<std::string>& predicted, Mode mode) {
  if (gold.size() <= 1 || predicted.size() <= 1) return 0;
  std::unordered_map<std::string_view, size_t> last;
  for (size_t i = 0; i < predicted.size(); ++i) last[predicted[i]] = i;
  std::vector<size_t> places;
  for (const std::string& item : gold) {
    if (auto found = last.find(item); found != last.end()) places.push_back(found->second);
  }
  double correct = static_cast<double>(ascending_pairs(places, predicted.size()));
  double score = correct / pairs_of(mode == Mode::strict ? gold.size() : predicted.size());
  return score > 1 ? 0 : score;
}

}  // namespace golong::plugins

#include "plugins/rewards/ndcg/ndcg.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <unordered_map>

namespace golong::plugins {
namespace {

double discounted(size_t relevance, size_t rank) {
  return static_cast<double>(relevance) / std::log2(static_cast<double>(rank) + 2);
}

}  // namespace

double ndcg_score(const std::vector<std::string>& gold, const std::vector<std::string>& ranking) {
  const size_t cut = gold.size();
  std::unordered_map<std::string_view, size_t> relevance, last;
  for (size_t i = 0; i < gold.size(); ++i) relevance[gold[i]] = gold.size() - i;
  for (size_t i = 0; i < ranking.size(); ++i) last[ranking[i]] = i;

  double gain = 0;
  size_t rank = 0;
  for (size_t i = 0; i < ranking.size() && rank < cut; ++i) {
    if (last[ranking[i]] != i) continue;  // an item stands where it was named last
    if (auto found = relevance.find(ranking[i]); found != relevance.end()) gain += discounted(found->second, rank);
    ++rank;
  }
  if (gain == 0) return 0;

  std::vector<size_t> ideal;
  ideal.reserve(relevance.size());
  for (const auto& [item, value] : relevance) ideal.push_back(value);
  std::sort(ideal.begin(), ideal.end(), std::greater<>());
  double best = 0;
  for (size_t i = 0; i < std::min(cut, ideal.size()); ++i) best += discounted(ideal[i], i);
  return gain / best;
}

}  // namespace golong::plugins

#include "core/rollout/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/random.h"

namespace golong {
namespace {

double log_sum_exp(std::span<const float> values, double scale) {
  double highest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (float value : values) highest = std::max(highest, value * scale);
  for (float value : values) sum += std::exp(value * scale - highest);
  return highest + std::log(sum);
}

double gumbel(uint64_t key, uint64_t index) { return -std::log(-std::log(uniform(random_bits(key, index)))); }

// The lowest logit that top-k and top-p leave. Of equal logits all stay.
float threshold(std::span<const float> logits, const CutOffs& cut_offs) {
  float lowest = -std::numeric_limits<float>::infinity();
  std::vector<float> sorted(logits.begin(), logits.end());
  if (cut_offs.top_k > 0 && cut_offs.top_k < static_cast<int64_t>(sorted.size())) {
    std::nth_element(sorted.begin(), sorted.begin() + (cut_offs.top_k - 1), sorted.end(), std::greater<>());
    lowest = sorted[cut_offs.top_k - 1];
    sorted.resize(cut_offs.top_k);
  }
  if (cut_offs.top_p < 1) {
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    double total = log_sum_exp(sorted, 1 / cut_offs.temperature), mass = 0;
    for (float logit : sorted) {
      lowest = logit;
      mass += std::exp(logit / cut_offs.temperature - total);
      if (mass >= cut_offs.top_p) break;
    }
  }
  return lowest;
}

}  // namespace

TokenChoice choose_token(std::span<const float> logits, const CutOffs& cut_offs, uint64_t noise_key) {
  size_t best = 0;
  if (cut_offs.temperature == 0) {
    best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  } else {
    bool cut = cut_offs.top_k > 0 || cut_offs.top_p < 1;
    float lowest = cut ? threshold(logits, cut_offs) : -std::numeric_limits<float>::infinity();
    double best_score = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < logits.size(); ++i) {
      if (logits[i] < lowest) continue;
      double score = logits[i] / cut_offs.temperature + gumbel(noise_key, i);
      if (score > best_score) {
        best_score = score;
        best = i;
      }
    }
  }
  return {static_cast<int32_t>(best), static_cast<float>(logits[best] - log_sum_exp(logits, 1))};
}

}  // namespace golong

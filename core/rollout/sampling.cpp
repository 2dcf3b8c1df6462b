#include "core/rollout/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/random.h"
#include "core/nn/vector_math.h"

namespace golong {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// What the search for the highest score needs to know of a row.
struct Search {
  const float* logits;
  int64_t count;
  uint64_t key;
  const uint64_t* mixed;  // mixed_index() of each token, and of some behind the last
  double temperature;
  float lowest;  // tokens with lower logits are cut off
};

// mixed_index() of the first `count` indices and of some more: half of the work of a random number, and the same in
// every draw.
std::shared_ptr<const std::vector<uint64_t>> mixed_indices(int64_t count) {
  constexpr size_t some = 64;
  static std::mutex mutex;
  static std::shared_ptr<const std::vector<uint64_t>> known;
  const std::lock_guard lock(mutex);
  const size_t needed = static_cast<size_t>(count) + some;
  if (!known || known->size() < needed) {
    std::vector<uint64_t> all(needed);
    for (size_t i = 0; i < needed; ++i) all[i] = mixed_index(i);
    known = std::make_shared<const std::vector<uint64_t>>(std::move(all));
  }
  return known;
}

struct Best {
  int64_t token;
  double score;
};

double gumbel(uint64_t key, uint64_t index) { return -std::log(-std::log(uniform(random_bits(key, index)))); }

double exact_score(const Search& search, int64_t token) {
  return search.logits[token] / search.temperature + gumbel(search.key, static_cast<uint64_t>(token));
}

namespace kernel {

using nn::Floats;
using nn::Ints;
using nn::Words;

template <int Lanes>
GOLONG_INLINE void load_row(const float* logits, int64_t start, int64_t count, Floats<Lanes>& to) {
  if (start + Lanes <= count) {
    nn::load(logits + start, to);
  } else {
    nn::load_part<Lanes>(logits + start, count - start, kMinusInfinity, to);
  }
}

template <int Lanes>
GOLONG_INLINE float highest_logit(const float* logits, int64_t count) {
  Floats<Lanes> top = Floats<Lanes>{} + kMinusInfinity, x;
  for (int64_t i = 0; i < count; i += Lanes) {
    load_row<Lanes>(logits, i, count, x);
    top = x > top ? x : top;
  }
  return nn::highest_of<Lanes>(top);
}

// Parts are added up in double.
template <int Lanes>
GOLONG_INLINE double exp_sum(const float* logits, int64_t count, float highest, float scale, float lowest) {
  constexpr int64_t kPart = 1024;
  double sum = 0;
  for (int64_t start = 0; start < count; start += kPart) {
    Floats<Lanes> part = {}, x;
    for (int64_t i = start; i < std::min(start + kPart, count); i += Lanes) {
      load_row<Lanes>(logits, i, count, x);
      x = x < lowest ? Floats<Lanes>{} + kMinusInfinity : (x - highest) * scale;
      nn::exp_in_place<Lanes>(x);
      part += x;
    }
    sum += static_cast<double>(nn::sum_of<Lanes>(part));
  }
  return sum;
}

template <int Lanes>
GOLONG_INLINE void mix(Words<Lanes>& x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  x ^= x >> 31;
}

// For some tokens: an upper bound of their noise, a few hundredths above it, without a logarithm. With v = 1 - u the
// noise -log(-log u) is at most -log v; and log2 of a float is at least what its bits say when they are read as a
// number, exponent and mantissa. (The bits of u are those of random_bits(): the tests compare them.)
template <int Lanes>
GOLONG_INLINE void noise_bound(uint64_t key, const uint64_t* mixed, Floats<Lanes>& bound) {
  Words<Lanes> bits;
  std::memcpy(&bits, mixed, sizeof bits);
  bits ^= key;
  mix<Lanes>(bits);
  // 2^24 v, rounded down
  Floats<Lanes> v = __builtin_convertvector(__builtin_convertvector((~bits) >> 40, Ints<Lanes>), Floats<Lanes>);
  Ints<Lanes> as_bits;
  std::memcpy(&as_bits, &v, sizeof v);
  bound = (24.0f + 127.0f - __builtin_convertvector(as_bits, Floats<Lanes>) * 0x1.0p-23f) * 0.693147182f;
}

// The exact score is computed for the few tokens whose bound reaches the best one so far.
template <int Lanes>
GOLONG_INLINE Best find_best(const Search& search, int64_t likeliest) {
  Best best{likeliest, exact_score(search, likeliest)};
  const float scale = static_cast<float>(1 / search.temperature);
  // Covers the rounding of bound and scaled logit.
  const double slack = 1e-3 + 1e-6 * (std::abs(search.logits[likeliest] / search.temperature) + 100);
  constexpr int64_t kPart = 4 * Lanes;  // tokens that are looked at before one asks whether any of them reaches
  for (int64_t start = 0; start < search.count; start += kPart) {
    float bounds[kPart];
    Floats<Lanes> top = Floats<Lanes>{} + kMinusInfinity;
    for (int64_t i = 0; i < kPart; i += Lanes) {
      Floats<Lanes> logit, bound;
      load_row<Lanes>(search.logits, std::min(start + i, search.count), search.count, logit);
      noise_bound<Lanes>(search.key, search.mixed + start + i, bound);
      bound = logit >= search.lowest ? bound + logit * scale : Floats<Lanes>{} + kMinusInfinity;
      nn::store(bound, bounds + i);
      top = bound > top ? bound : top;
    }
    if (nn::highest_of<Lanes>(top) < static_cast<float>(best.score - slack)) continue;
    for (int64_t i = 0; i < kPart && start + i < search.count; ++i) {
      if (bounds[i] < static_cast<float>(best.score - slack)) continue;
      const double score = exact_score(search, start + i);
      if (score > best.score || (score == best.score && start + i < best.token)) best = {start + i, score};
    }
  }
  return best;
}

}  // namespace kernel

GOLONG_VERSIONS(float, highest_logit, (const float* logits, int64_t count), (logits, count))

// Sum of exp((logits - highest) * scale) over the logits that are not below `lowest`.
GOLONG_VERSIONS(double, exp_sum, (const float* logits, int64_t count, float highest, float scale, float lowest),
                (logits, count, highest, scale, lowest))

GOLONG_VERSIONS(Best, find_best, (const Search& search, int64_t likeliest), (search, likeliest))

// log of the sum of exp(logits * scale) over the logits that are not below `lowest`.
double log_sum(std::span<const float> logits, float highest, double scale, float lowest = kMinusInfinity) {
  const auto count = static_cast<int64_t>(logits.size());
  return highest * scale + std::log(exp_sum(logits.data(), count, highest, static_cast<float>(scale), lowest));
}

// The lowest logit that top-k and top-p leave; top-p counts what top-k left. Of equal logits all stay.
float likeliest_threshold(std::span<const float> logits, const SamplingRule& rule, float highest) {
  float lowest = kMinusInfinity;
  std::vector<float> kept;
  if (rule.top_k > 0 && rule.top_k < static_cast<int64_t>(logits.size())) {
    kept.assign(logits.begin(), logits.end());
    std::nth_element(kept.begin(), kept.begin() + (rule.top_k - 1), kept.end(), std::greater<>());
    kept.resize(static_cast<size_t>(rule.top_k));
    lowest = kept.back();
    logits = kept;
  }
  if (rule.top_p >= 1) return lowest;
  const double scale = 1 / rule.temperature, total = log_sum(logits, highest, scale);
  // Tokens of less than (1 - p) / count have together less than 1 - p: they come after the last that stays.
  const double floor =
      rule.temperature * (std::log((1 - rule.top_p) / static_cast<double>(logits.size()) * 0.99) + total);
  std::vector<float> likely;
  std::copy_if(logits.begin(), logits.end(), std::back_inserter(likely), [&](float x) { return x >= floor; });
  std::sort(likely.begin(), likely.end(), std::greater<>());
  double mass = 0;
  for (float logit : likely) {
    lowest = logit;
    mass += std::exp(logit * scale - total);
    if (mass >= rule.top_p) break;
  }
  return lowest;
}

float threshold(std::span<const float> logits, const SamplingRule& rule, float highest) {
  float lowest = kMinusInfinity;
  if (rule.top_k > 0 || rule.top_p < 1) lowest = likeliest_threshold(logits, rule, highest);
  if (rule.min_p == 0) return lowest;
  return std::max(lowest, static_cast<float>(highest + rule.temperature * std::log(rule.min_p)));
}

// Draws from logits that the penalty is applied to already. What the caller knows better is left to it: `logprob`, and
// `sampled_logprob` where it is the same.
TokenChoice draw(std::span<const float> logits, const SamplingRule& rule, float highest, uint64_t noise_key) {
  const auto likeliest = static_cast<int64_t>(std::find(logits.begin(), logits.end(), highest) - logits.begin());
  if (rule.temperature == 0) return {static_cast<int32_t>(likeliest), 0, 0};
  const auto count = static_cast<int64_t>(logits.size());
  const float lowest = rule.keeps_all() ? kMinusInfinity : threshold(logits, rule, highest);
  const auto mixed = mixed_indices(count);
  const Search search{logits.data(), count, noise_key, mixed->data(), rule.temperature, lowest};
  const int64_t best = find_best(search, likeliest).token;
  if (rule.is_model()) return {static_cast<int32_t>(best), 0, 0};
  const double scale = 1 / rule.temperature;
  return {static_cast<int32_t>(best), 0,
          static_cast<float>(logits[static_cast<size_t>(best)] * scale - log_sum(logits, highest, scale, lowest))};
}

}  // namespace

void SeenTokens::add(int32_t token) {
  const auto place = static_cast<size_t>(token);
  if (place >= known_.size()) known_.resize(place + 1);
  if (known_[place]) return;
  known_[place] = true;
  ids_.push_back(token);
}

TokenChoice choose_token(std::span<const float> logits, const SamplingRule& rule, std::span<const int32_t> seen,
                         uint64_t noise_key) {
  const auto count = static_cast<int64_t>(logits.size());
  const float highest = highest_logit(logits.data(), count);
  const double total = log_sum(logits, highest, 1);
  // Not finite: the caller says so; there is no token to choose.
  constexpr float none = std::numeric_limits<float>::quiet_NaN();
  if (!std::isfinite(total)) return {0, none, none};
  TokenChoice choice;
  if (rule.repetition_penalty == 1) {
    choice = draw(logits, rule, highest, noise_key);
  } else {
    std::vector<float> changed(logits.begin(), logits.end());
    for (int32_t token : seen) {
      float& logit = changed[static_cast<size_t>(token)];
      const auto penalty = static_cast<float>(rule.repetition_penalty);
      logit = logit > 0 ? logit / penalty : logit * penalty;
    }
    choice = draw(changed, rule, highest_logit(changed.data(), count), noise_key);
  }
  choice.logprob = static_cast<float>(logits[static_cast<size_t>(choice.token)] - total);
  if (rule.is_model()) choice.sampled_logprob = choice.logprob;
  return choice;
}

}  // namespace golong

#include "core/rollout/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
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
  double temperature;
  float lowest;  // tokens with lower logits are cut off
};

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
GOLONG_INLINE double exp_sum(const float* logits, int64_t count, float highest, float scale) {
  constexpr int64_t kPart = 1024;
  double sum = 0;
  for (int64_t start = 0; start < count; start += kPart) {
    Floats<Lanes> part = {}, x;
    for (int64_t i = start; i < std::min(start + kPart, count); i += Lanes) {
      load_row<Lanes>(logits, i, count, x);
      x = (x - highest) * scale;
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

// For the tokens from `first`: an upper bound of their noise, a few hundredths above it, without a logarithm. With
// v = 1 - u the noise -log(-log u) is at most -log v; and log2 of a float is at least what its bits say when they are
// read as a number, exponent and mantissa. (The bits of u are those of random_bits(): the tests compare them.)
template <int Lanes>
GOLONG_INLINE void noise_bound(uint64_t key, uint64_t first, Floats<Lanes>& bound) {
  Words<Lanes> bits;
  nn::count_up<Lanes>(bits);
  bits += static_cast<uint64_t>(first + 0x2545f4914f6cdd1dull);
  mix<Lanes>(bits);
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
  for (int64_t start = 0; start < search.count; start += Lanes) {
    Floats<Lanes> logit, bound;
    load_row<Lanes>(search.logits, start, search.count, logit);
    noise_bound<Lanes>(search.key, static_cast<uint64_t>(start), bound);
    bound += logit * scale;
    const float needed = static_cast<float>(best.score - slack);
    Ints<Lanes> reaches = (bound >= needed) & (logit >= search.lowest);
    int32_t any = 0;
    for (int i = 0; i < Lanes; ++i) any |= reaches[i];
    if (any == 0) continue;
    for (int i = 0; i < Lanes && start + i < search.count; ++i) {
      if (reaches[i] == 0) continue;
      double score = exact_score(search, start + i);
      if (score > best.score || (score == best.score && start + i < best.token)) best = {start + i, score};
    }
  }
  return best;
}

}  // namespace kernel

GOLONG_VERSIONS(float, highest_logit, (const float* logits, int64_t count), (logits, count))

// Sum of exp((logits - highest) * scale).
GOLONG_VERSIONS(double, exp_sum, (const float* logits, int64_t count, float highest, float scale),
                (logits, count, highest, scale))

GOLONG_VERSIONS(Best, find_best, (const Search& search, int64_t likeliest), (search, likeliest))

// The lowest logit that top-k and top-p leave; top-p counts what top-k left. Of equal logits all stay.
float threshold(std::span<const float> logits, const CutOffs& cut_offs, float highest) {
  float lowest = kMinusInfinity;
  std::vector<float> kept;
  if (cut_offs.top_k > 0 && cut_offs.top_k < static_cast<int64_t>(logits.size())) {
    kept.assign(logits.begin(), logits.end());
    std::nth_element(kept.begin(), kept.begin() + (cut_offs.top_k - 1), kept.end(), std::greater<>());
    kept.resize(cut_offs.top_k);
    lowest = kept.back();
    logits = kept;
  }
  if (cut_offs.top_p >= 1) return lowest;
  const double scale = 1 / cut_offs.temperature;
  const double total = exp_sum(logits.data(), static_cast<int64_t>(logits.size()), highest, static_cast<float>(scale));
  // Tokens of less than (1 - p) / count have together less than 1 - p: they come after the last that stays.
  const double floor = highest + cut_offs.temperature *
                                     std::log((1 - cut_offs.top_p) / static_cast<double>(logits.size()) * total * 0.99);
  std::vector<float> likely;
  std::copy_if(logits.begin(), logits.end(), std::back_inserter(likely), [&](float x) { return x >= floor; });
  std::sort(likely.begin(), likely.end(), std::greater<>());
  double mass = 0;
  for (float logit : likely) {
    lowest = logit;
    mass += std::exp((logit - highest) * scale) / total;
    if (mass >= cut_offs.top_p) break;
  }
  return lowest;
}

}  // namespace

TokenChoice choose_token(std::span<const float> logits, const CutOffs& cut_offs, uint64_t noise_key) {
  const int64_t count = static_cast<int64_t>(logits.size());
  const float highest = highest_logit(logits.data(), count);
  int64_t best = std::find(logits.begin(), logits.end(), highest) - logits.begin();
  const double scale = cut_offs.temperature > 0 ? 1 / cut_offs.temperature : 1;
  const double normalizer =
      highest * scale + std::log(exp_sum(logits.data(), count, highest, static_cast<float>(scale)));
  // Not finite: the caller says so; there is no token to choose.
  if (!std::isfinite(normalizer) || best == count) return {0, std::numeric_limits<float>::quiet_NaN()};
  if (cut_offs.temperature > 0) {
    bool cut = cut_offs.top_k > 0 || cut_offs.top_p < 1;
    float lowest = cut ? threshold(logits, cut_offs, highest) : kMinusInfinity;
    if (cut_offs.min_p > 0) {
      lowest = std::max(lowest, static_cast<float>(highest + cut_offs.temperature * std::log(cut_offs.min_p)));
    }
    best = find_best({logits.data(), count, noise_key, cut_offs.temperature, lowest}, best).token;
  }
  return {static_cast<int32_t>(best), static_cast<float>(logits[best] * scale - normalizer)};
}

}  // namespace golong

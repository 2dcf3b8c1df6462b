// Random numbers as a function of what they are for (a counter generator): no state to save, the same on any number of
// threads and ranks.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "core/base/hash.h"

namespace golong {

// A key made of several counters, e.g. {seed, stream, prompt key, draw, sample, position}.
constexpr uint64_t random_key(std::initializer_list<uint64_t> counters) {
  uint64_t key = 0;
  for (uint64_t counter : counters) key = mix64(key ^ counter) + 0x9e3779b97f4a7c15ull;
  return key;
}

// The part of random_bits() that does not depend on the key.
constexpr uint64_t mixed_index(uint64_t index) { return mix64(index + 0x2545f4914f6cdd1dull); }

// The number of a key at an index: 64 uniform bits.
constexpr uint64_t random_bits(uint64_t key, uint64_t index) { return mix64(key ^ mixed_index(index)); }

// Uniform in the open interval (0, 1), 52 bits: with 53 the largest would round to 1, whose logarithm's logarithm is
// infinite.
constexpr double uniform(uint64_t bits) { return (static_cast<double>(bits >> 12) + 0.5) * 0x1.0p-52; }

// A sequence of numbers from one key, for shuffles and choices.
class RandomSequence {
 public:
  explicit RandomSequence(uint64_t key) : key_(key) {}
  uint64_t bits() { return random_bits(key_, index_++); }
  double uniform() { return golong::uniform(bits()); }
  // Uniform below `limit` (> 0), without bias.
  uint64_t below(uint64_t limit) {
    uint64_t reject = -limit % limit;  // 2^64 mod limit
    uint64_t value;
    do value = bits();
    while (value < reject);
    return value % limit;
  }
  template <class Container>
  void shuffle(Container& container) {
    for (uint64_t i = container.size(); i > 1; --i) std::swap(container[i - 1], container[below(i)]);
  }

 private:
  uint64_t key_;
  uint64_t index_ = 0;
};

}  // namespace golong

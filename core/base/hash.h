// Hashes that do not change between runs, machines and versions of golong: for keys, caches and fingerprints.
// Not cryptographic.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace golong {

// Mixes 64 bits so that each input bit changes each output bit with probability one half (splitmix64's finaliser).
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

uint64_t hash64(std::string_view bytes, uint64_t seed = 0);

// A fingerprint of pieces that are not in memory together: it depends on each of them, and on their order.
class RunningHash {
 public:
  void add(std::string_view piece) {
    const uint64_t hash = hash64(piece);
    first_ = mix64(first_ ^ hash);
    second_ = mix64(second_ + hash) ^ hash;
  }
  std::string digits() const;  // 32 hexadecimal digits

 private:
  uint64_t first_ = 1, second_ = 2;
};

// 32 hexadecimal digits.
std::string fingerprint(std::string_view bytes);

}  // namespace golong

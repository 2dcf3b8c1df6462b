#include "core/base/hash.h"

#include <array>
#include <cstring>

namespace golong {
namespace {

std::string digits_of(uint64_t first, uint64_t second) {
  std::string digits;
  for (uint64_t half : {first, second}) {
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[half >> shift & 15];
  }
  return digits;
}

}  // namespace

uint64_t hash64(std::string_view bytes, uint64_t seed) {
  uint64_t hash = mix64(seed ^ (0x6a09e667f3bcc909ull + bytes.size()));
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    hash = mix64(hash ^ word);
    bytes.remove_prefix(8);
  }
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  return mix64(hash ^ word);
}

std::string RunningHash::digits() const { return digits_of(first_, second_); }

std::string fingerprint(std::string_view bytes) { return digits_of(hash64(bytes, 1), hash64(bytes, 2)); }

}  // namespace golong

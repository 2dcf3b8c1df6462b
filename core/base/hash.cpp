#include "core/base/hash.h"

#include <array>
#include <cstring>

namespace golong {

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

std::string fingerprint(std::string_view bytes) {
  std::string digits;
  for (uint64_t half : {hash64(bytes, 1), hash64(bytes, 2)}) {
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[half >> shift & 15];
  }
  return digits;
}

}  // namespace golong

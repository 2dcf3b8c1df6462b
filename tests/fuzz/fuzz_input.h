// One input of the fuzzer as two texts: the first line (the gold), and what follows (the response).
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace golong::fuzz {

inline std::pair<std::string_view, std::string_view> first_line(const uint8_t* data, size_t size) {
  std::string_view all(reinterpret_cast<const char*>(data), size);
  size_t end = all.find('\n');
  if (end == all.npos) return {all, {}};
  return {all.substr(0, end), all.substr(end + 1)};
}

// What must hold for every input; a failure is a crash that the fuzzer keeps.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace golong::fuzz

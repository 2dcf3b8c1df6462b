// Sixteen floats at a time, for kernels of our own on the CPU. Everything here is inlined into the function that uses
// it and takes on that function's instruction set: mark the function GOLONG_CLONES, and the compiler makes one version
// for each instruction set and picks at start.
#pragma once
#include <cstdint>
#include <cstring>

// Vectors go by reference: there is no calling convention for them that all instruction sets share.
#pragma GCC diagnostic ignored "-Wpsabi"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GOLONG_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define GOLONG_CLONES
#endif
#define GOLONG_INLINE [[gnu::always_inline]] inline

namespace golong::nn {

inline constexpr int64_t kLanes = 16;
using Floats = float __attribute__((vector_size(64)));
using Ints = int32_t __attribute__((vector_size(64)));

GOLONG_INLINE void load(const float* from, Floats& to) { std::memcpy(&to, from, sizeof to); }
GOLONG_INLINE void store(const Floats& from, float* to) { std::memcpy(to, &from, sizeof from); }

// Fewer than sixteen, the rest filled.
GOLONG_INLINE void load_part(const float* from, int64_t count, float fill, Floats& to) {
  for (int64_t i = 0; i < kLanes; ++i) to[i] = i < count ? from[i] : fill;
}

// exp(x) for x <= 88, to about one unit in the last place; 0 below -87. NaN stays NaN.
// x = n ln 2 + r, |r| <= ln 2 / 2; the polynomial of exp(r) times 2^n.
GOLONG_INLINE void exp_in_place(Floats& x) {
  const Floats lowest = Floats{} - 87.0f;
  Ints below = x < lowest;
  Floats safe = below ? lowest : x;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  Floats n = (safe * 1.44269504088896341f + magic) - magic;
  Floats r = (safe - n * 0.693359375f) - n * -2.12194440e-4f;
  Floats p = Floats{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  Ints power = (__builtin_convertvector(n, Ints) + 127) << 23;
  Floats two_to_n;
  std::memcpy(&two_to_n, &power, sizeof power);
  p *= two_to_n;
  x = below ? Floats{} : p;
}

GOLONG_INLINE float sum_of(const Floats& x) {
  float s[kLanes];
  std::memcpy(s, &x, sizeof x);
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t i = 0; i < width; ++i) s[i] += s[i + width];
  }
  return s[0];
}

GOLONG_INLINE float highest_of(const Floats& x) {
  float s[kLanes];
  std::memcpy(s, &x, sizeof x);
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t i = 0; i < width; ++i) s[i] = s[i] > s[i + width] ? s[i] : s[i + width];
  }
  return s[0];
}

}  // namespace golong::nn

// Vectors of floats, for kernels of our own on the CPU, as wide as the machine's registers. A kernel is a template over
// the number of lanes and marked GOLONG_INLINE; GOLONG_VERSIONS makes one function of it for each instruction set and
// picks one at the first call. (One width for all would not do: gcc keeps a vector that is wider than a register in
// memory.)
#pragma once
#include <cstdint>
#include <cstring>
#include <vector>

// Vectors go by reference: there is no calling convention for them that all instruction sets share.
#pragma GCC diagnostic ignored "-Wpsabi"

#define GOLONG_INLINE [[gnu::always_inline]] inline

// NOLINTBEGIN(bugprone-macro-parentheses): types and parameter lists cannot stand in parentheses
// Defines `result name parameters` as kernel::name<Lanes> arguments. The versions are name_16, name_8 and name_4.
// GOLONG_TYPED_VERSIONS defines a template over `class Number`.
#define GOLONG_VERSIONS(result, name, parameters, arguments) \
  GOLONG_DEFINE_VERSIONS(, , result, name, parameters, arguments)
#define GOLONG_TYPED_VERSIONS(result, name, parameters, arguments) \
  GOLONG_DEFINE_VERSIONS(template <class Number>, <Number>, result, name, parameters, arguments)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GOLONG_DEFINE_VERSIONS(head, type, result, name, parameters, arguments)                                       \
  head [[gnu::target("arch=x86-64-v4")]] static result name##_16 parameters { return kernel::name<16> arguments; }    \
  head [[gnu::target("arch=x86-64-v3")]] static result name##_8 parameters { return kernel::name<8> arguments; }      \
  head static result name##_4 parameters { return kernel::name<4> arguments; }                                        \
  head result name parameters {                                                                                       \
    static const auto version = ::golong::nn::version_for_this_machine(name##_16 type, name##_8 type, name##_4 type); \
    return version arguments;                                                                                         \
  }
// Those that this machine can run, for tests.
#define GOLONG_RUNNABLE_VERSIONS(name) ::golong::nn::runnable_versions(name##_16, name##_8, name##_4)
#define GOLONG_RUNNABLE_TYPED_VERSIONS(name) \
  ::golong::nn::runnable_versions(name##_16<Number>, name##_8<Number>, name##_4<Number>)
#else
#define GOLONG_RUNNABLE_VERSIONS(name) \
  std::vector<decltype(&name)> { name }
#define GOLONG_RUNNABLE_TYPED_VERSIONS(name) \
  std::vector<decltype(&name<Number>)> { name<Number> }
#define GOLONG_DEFINE_VERSIONS(head, type, result, name, parameters, arguments) \
  head result name parameters { return kernel::name<4> arguments; }
#endif
// NOLINTEND(bugprone-macro-parentheses)

namespace golong::nn {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
template <class Function>
std::vector<Function*> runnable_versions(Function* sixteen, Function* eight, Function* four) {
  std::vector<Function*> versions;
  if (__builtin_cpu_supports("x86-64-v4")) versions.push_back(sixteen);
  if (__builtin_cpu_supports("x86-64-v3")) versions.push_back(eight);
  versions.push_back(four);
  return versions;
}
template <class Function>
Function* version_for_this_machine(Function* sixteen, Function* eight, Function* four) {
  return runnable_versions(sixteen, eight, four).front();
}
#endif

template <int Lanes>
struct Vector {
  typedef float Floats __attribute__((vector_size(4 * Lanes)));
  typedef int32_t Ints __attribute__((vector_size(4 * Lanes)));
  typedef uint32_t Unsigned __attribute__((vector_size(4 * Lanes)));
  typedef uint64_t Words __attribute__((vector_size(8 * Lanes)));
  typedef uint16_t Halves __attribute__((vector_size(2 * Lanes)));
};
template <int Lanes>
using Floats = typename Vector<Lanes>::Floats;
template <int Lanes>
using Ints = typename Vector<Lanes>::Ints;
template <int Lanes>
using Words = typename Vector<Lanes>::Words;
template <int Lanes>
using Halves = typename Vector<Lanes>::Halves;

template <class Number, class Any>
GOLONG_INLINE void load(const Number* from, Any& to) {
  std::memcpy(&to, from, sizeof to);
}
template <class Any, class Number>
GOLONG_INLINE void store(const Any& from, Number* to) {
  std::memcpy(to, &from, sizeof from);
}

// Fewer than Lanes, the rest filled.
template <int Lanes>
GOLONG_INLINE void load_part(const float* from, int64_t count, float fill, Floats<Lanes>& to) {
  for (int64_t i = 0; i < Lanes; ++i) to[i] = i < count ? from[i] : fill;
}

// 0, 1, 2, ...
template <int Lanes, class Any>
GOLONG_INLINE void count_up(Any& to) {
  for (int i = 0; i < Lanes; ++i) to[i] = i;
}

// exp(x) for x <= 88, to about one unit in the last place; 0 below -87. NaN stays NaN.
// x = n ln 2 + r, |r| <= ln 2 / 2; the polynomial of exp(r) times 2^n.
template <int Lanes>
GOLONG_INLINE void exp_in_place(Floats<Lanes>& x) {
  const Floats<Lanes> lowest = Floats<Lanes>{} - 87.0f;
  Ints<Lanes> below = x < lowest;
  Floats<Lanes> safe = below ? lowest : x;
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  Floats<Lanes> n = (safe * 1.44269504088896341f + magic) - magic;
  Floats<Lanes> r = (safe - n * 0.693359375f) - n * -2.12194440e-4f;
  Floats<Lanes> p = Floats<Lanes>{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  Ints<Lanes> power = (__builtin_convertvector(n, Ints<Lanes>) + 127) << 23;
  Floats<Lanes> two_to_n;
  std::memcpy(&two_to_n, &power, sizeof power);
  p *= two_to_n;
  x = below ? Floats<Lanes>{} : p;
}

// 2^x for x <= 0, to about one unit in the last place; below -126 it is 2^-126, which is nothing beside the largest
// weight of a softmax. Half as many instructions as exp_in_place.
template <int Lanes>
GOLONG_INLINE void exp2_in_place(Floats<Lanes>& x) {
  const Floats<Lanes> lowest = Floats<Lanes>{} - 126.0f;
  x = x < lowest ? lowest : x;      // so that NaN stays NaN
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, which its lowest bits then are
  const Floats<Lanes> shifted = x + magic, r = x - (shifted - magic);
  Floats<Lanes> p = Floats<Lanes>{} + 1.5353362e-4f;  // 2^r for |r| <= 1/2
  p = p * r + 1.3398874e-3f;
  p = p * r + 9.6184370e-3f;
  p = p * r + 5.5503325e-2f;
  p = p * r + 2.4022648e-1f;
  p = p * r + 6.9314720e-1f;
  p = p * r + 1.0f;
  Ints<Lanes> n, bits;
  std::memcpy(&n, &shifted, sizeof n);
  std::memcpy(&bits, &p, sizeof bits);
  bits += n << 23;
  std::memcpy(&x, &bits, sizeof x);
}

// Numbers of bfloat16, which is the upper half of a float32.
template <int Lanes>
GOLONG_INLINE void widen(const uint16_t* from, Floats<Lanes>& to) {
  Halves<Lanes> halves;
  std::memcpy(&halves, from, sizeof halves);
  const Ints<Lanes> wide = __builtin_convertvector(halves, Ints<Lanes>) << 16;
  std::memcpy(&to, &wide, sizeof to);
}

// To the nearest of bfloat16, ties to even.
template <int Lanes>
GOLONG_INLINE void narrow(const Floats<Lanes>& from, uint16_t* to) {
  typename Vector<Lanes>::Unsigned bits;
  std::memcpy(&bits, &from, sizeof bits);
  bits += 0x7fff + ((bits >> 16) & 1);
  bits = from == from ? bits : bits - bits + 0x7fc00000u;  // adding might make a number of what is none
  const Halves<Lanes> halves = __builtin_convertvector(bits >> 16, Halves<Lanes>);
  std::memcpy(to, &halves, sizeof halves);
}

// Lanes of a (0 to Lanes - 1) and of b (Lanes on), as `from` names them.
template <int Lanes>
GOLONG_INLINE void choose(const Floats<Lanes>& a, const Floats<Lanes>& b, const Ints<Lanes>& from, Floats<Lanes>& to) {
#if defined(__clang__)  // clang-tidy reads this; it knows no shuffle by a variable
  for (int i = 0; i < Lanes; ++i) to[i] = from[i] < Lanes ? a[from[i]] : b[from[i] - Lanes];
#else
  to = __builtin_shuffle(a, b, from);
#endif
}

// Each lane with the one `Distance` further on, round and round.
template <int Lanes, int Distance>
GOLONG_INLINE void turn(const Floats<Lanes>& x, Floats<Lanes>& turned) {
  Ints<Lanes> from;
  for (int i = 0; i < Lanes; ++i) from[i] = (i + Distance) % Lanes;
  choose<Lanes>(x, x, from, turned);
}

// Adds to each lane the one `Distance` further on, then half as far, until every lane holds the sum of all.
template <int Lanes, int Distance = Lanes / 2>
GOLONG_INLINE void add_lanes(Floats<Lanes>& x) {
  Floats<Lanes> turned;
  turn<Lanes, Distance>(x, turned);
  x += turned;
  if constexpr (Distance > 1) add_lanes<Lanes, Distance / 2>(x);
}

template <int Lanes>
GOLONG_INLINE float sum_of(const Floats<Lanes>& x) {
  Floats<Lanes> sum = x;
  add_lanes<Lanes>(sum);
  return sum[0];
}

template <int Lanes, int Distance = Lanes / 2>
GOLONG_INLINE void keep_highest(Floats<Lanes>& x) {
  Floats<Lanes> turned;
  turn<Lanes, Distance>(x, turned);
  x = x > turned ? x : turned;
  if constexpr (Distance > 1) keep_highest<Lanes, Distance / 2>(x);
}

template <int Lanes>
GOLONG_INLINE float highest_of(const Floats<Lanes>& x) {
  Floats<Lanes> highest = x;
  keep_highest<Lanes>(highest);
  return highest[0];
}

// Transposes a square: rows and columns `Distance` apart change places, then those half as far apart.
template <int Lanes, int Distance = Lanes / 2>
GOLONG_INLINE void turn_square(Floats<Lanes> (&rows)[Lanes]) {
  Ints<Lanes> low, high;
  for (int i = 0; i < Lanes; ++i) {
    low[i] = i & Distance ? Lanes + i - Distance : i;
    high[i] = i & Distance ? Lanes + i : i + Distance;
  }
#pragma GCC unroll 16
  for (int i = 0; i < Lanes; ++i) {
    if (i & Distance) continue;
    const Floats<Lanes> upper = rows[i], lower = rows[i + Distance];
    choose<Lanes>(upper, lower, low, rows[i]);
    choose<Lanes>(upper, lower, high, rows[i + Distance]);
  }
  if constexpr (Distance > 1) turn_square<Lanes, Distance / 2>(rows);
}

}  // namespace golong::nn

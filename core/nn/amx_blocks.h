// Products of blocks of 32 x 32 numbers of bfloat16 by the matrix unit, and what it takes to put rows into the order
// that it wants. It reads its second factor in pairs: for the columns of a matrix [k][n] the numbers k and k + 1 of a
// column side by side.
#pragma once
#include "core/nn/amx.h"

#ifdef GOLONG_AMX

namespace golong::nn::amx {

constexpr int kLanes = 16;
constexpr int64_t kPanel = 2 * kLanes;  // rows of a panel
constexpr int64_t kBlock = 32;          // rows and columns of a product
using Vector16 = Floats<kLanes>;
using Pair = Vector16[2];

// A matrix that tiles are loaded from: how many numbers lie between rows, and between blocks of 32 that are summed up.
struct Blocks {
  const uint16_t* data;
  int64_t row, step;
};
// A first factor, and a second one in rows of pairs, `row` numbers each.
inline Blocks dense(const uint16_t* data, int64_t row) { return {data, row, 32}; }
inline Blocks dense_pairs(const uint16_t* data, int64_t row) { return {data, row, 16 * row}; }

enum class Sum { kNew, kAdded };

// sum [32][32] = or += a [32][32 steps] b [32 steps][32], rows of `sum` being that many floats apart.
template <Sum Kind>
GOLONG_INLINE void multiply(const Blocks& a, const Blocks& b, int64_t steps, float* sum, int64_t sum_row) {
  const int64_t a_bytes = 2 * a.row, b_bytes = 2 * b.row, sum_bytes = 4 * sum_row;
  float* lower = sum + 16 * sum_row;
  if constexpr (Kind == Sum::kAdded) {
    load_tile<0>(sum, sum_bytes);
    load_tile<1>(sum + 16, sum_bytes);
    load_tile<2>(lower, sum_bytes);
    load_tile<3>(lower + 16, sum_bytes);
  } else {
    clear_tile<0>();
    clear_tile<1>();
    clear_tile<2>();
    clear_tile<3>();
  }
  for (int64_t s = 0; s < steps; ++s) {
    const uint16_t *left = a.data + s * a.step, *right = b.data + s * b.step;
    load_tile<4>(left, a_bytes);
    load_tile<6>(right, b_bytes);
    load_tile<7>(right + 32, b_bytes);
    load_tile<5>(left + 16 * a.row, a_bytes);
    multiply_tiles<0, 4, 6>();
    multiply_tiles<1, 4, 7>();
    multiply_tiles<2, 5, 6>();
    multiply_tiles<3, 5, 7>();
  }
  store_tile<0>(sum, sum_bytes);
  store_tile<1>(sum + 16, sum_bytes);
  store_tile<2>(lower, sum_bytes);
  store_tile<3>(lower + 16, sum_bytes);
}

// The higher of two in each lane; `b` where one of them is no number. (gcc makes two instructions of a comparison.)
GOLONG_INLINE void higher(const Vector16& a, const Vector16& b, Vector16& to) {
  asm("vmaxps %2, %1, %0" : "=v"(to) : "v"(a), "v"(b));
}

// 2^x for x <= 0, to 3e-6 of itself, a thousandth of what is rounded off afterwards; otherwise as exp2_in_place.
GOLONG_INLINE void rough_exp2(Vector16& x) {
  higher(Vector16{} - 126.0f, x, x);
  const float magic = 12582912.0f;  // as there
  const Vector16 shifted = x + magic, r = x - (shifted - magic);
  Vector16 p = Vector16{} + 9.57010191e-3f;
  p = p * r + 5.59178603e-2f;
  p = p * r + 2.40247448e-1f;
  p = p * r + 6.93121815e-1f;
  p = p * r + 9.99999261e-1f;
  Ints<kLanes> n, bits;
  std::memcpy(&n, &shifted, sizeof n);
  std::memcpy(&bits, &p, sizeof bits);
  bits += n << 23;
  std::memcpy(&x, &bits, sizeof x);
}

// Rounds to the nearest bfloat16, which is then the upper half of each number.
GOLONG_INLINE void round_halves(Vector16& x) {
  Ints<kLanes> bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits += 0x8000;
  std::memcpy(&x, &bits, sizeof bits);
}

// The upper halves of a, then those of b.
GOLONG_INLINE void store_halves(const Vector16& a, const Vector16& b, uint16_t* to) {
  Halves<32> low, high, from;
  std::memcpy(&low, &a, sizeof low);
  std::memcpy(&high, &b, sizeof high);
  for (int i = 0; i < 32; ++i) from[i] = static_cast<uint16_t>(2 * i + 1);
  store(__builtin_shuffle(low, high, from), to);
}

// The upper half of each number of a beside that of b.
GOLONG_INLINE void store_pairs(const Vector16& a, const Vector16& b, uint16_t* to) {
  Vector<kLanes>::Unsigned low, high;
  std::memcpy(&low, &a, sizeof low);
  std::memcpy(&high, &b, sizeof high);
  store((low >> 16) | (high & 0xffff0000u), to);
}

// Sixteen numbers of a, each beside that of b, as bits.
GOLONG_INLINE void pair_up(const uint16_t* a, const uint16_t* b, Vector16& pairs) {
  Halves<kLanes> low, high;
  load(a, low);
  load(b, high);
  const auto bits = __builtin_convertvector(low, Ints<kLanes>) | __builtin_convertvector(high, Ints<kLanes>) << 16;
  std::memcpy(&pairs, &bits, sizeof bits);
}

// Rows [rows][dim] in pairs: [rows / 2][dim][2].
GOLONG_INLINE void pair_rows(const uint16_t* from, int64_t rows, int64_t dim, uint16_t* to) {
  for (int64_t row = 0; row < rows; row += 2, from += 2 * dim, to += 2 * dim) {
    for (int64_t d = 0; d < dim; d += kLanes) {
      Vector16 pairs;
      pair_up(from + d, from + dim + d, pairs);
      store(pairs, to + 2 * d);
    }
  }
}

// A panel [32][dim] turned: [dim / 2][32][2].
GOLONG_INLINE void turn_panel(const uint16_t* from, int64_t dim, uint16_t* to) {
  for (int64_t row = 0; row < kPanel; row += kLanes) {
    for (int64_t d = 0; d < dim; d += 2 * kLanes) {
      Vector16 square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) load(from + (row + i) * dim + d, square[i]);
      turn_square<kLanes>(square);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(square[i], to + (d / 2 + i) * 2 * kPanel + 2 * row);
    }
  }
}

}  // namespace golong::nn::amx

#endif

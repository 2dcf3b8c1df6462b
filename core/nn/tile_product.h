// Products of small matrices that lie in the caches, for attention: a block of rows by two vectors of columns is added
// up in registers, where each number that is loaded serves all of the block.
#pragma once
#include <cstdint>

#include "core/nn/vector_math.h"

namespace golong::nn {

// Rows of a block: with two vectors each, as many sums as there are registers for, and enough to hide the latency of a
// multiply-add.
template <int Lanes>
constexpr int kBlockRows = Lanes == 16 ? 8 : 4;

template <int Lanes>
using SumBlock = Floats<Lanes>[kBlockRows<Lanes>][2];

// A matrix to read numbers from one by one: number (i, k) is data[i * row + k * step]. One of the two is 1.
struct Factor {
  const float* data;
  int64_t row, step;
};

// A block begins at 0 and is added to what is in memory at its end: long sums would lose digits if every product were
// added to the whole.

// sum[i] += sum over k < count of a(i, k) * b[k], the two vectors of row k of b at b + k * b_step.
template <int Lanes>
GOLONG_INLINE void add_product(const Factor& a, const float* b, int64_t b_step, int64_t count, SumBlock<Lanes>& sum) {
  for (int64_t k = 0; k < count; ++k) {
    Floats<Lanes> first, second;
    load(b + k * b_step, first);
    load(b + k * b_step + Lanes, second);
#pragma GCC unroll 8
    for (int i = 0; i < kBlockRows<Lanes>; ++i) {
      const float number = a.data[i * a.row + k * a.step];
      sum[i][0] += first * number;
      sum[i][1] += second * number;
    }
  }
}

// Calls body(i, v) for each vector of a block; unrolled, so that the block stays in registers.
template <int Lanes, class Body>
GOLONG_INLINE void each_of_block(const Body& body) {
#pragma GCC unroll 8
  for (int i = 0; i < kBlockRows<Lanes>; ++i) {
    body(i, 0);
    body(i, 1);
  }
}

}  // namespace golong::nn

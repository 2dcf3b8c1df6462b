// The steps of attention between a panel of rows and a block of keys, wherever the numbers of the keys lie.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/nn/tile_kernels.h"
#include "core/nn/tile_product.h"

namespace golong::nn {

// A number for each row of a panel.
template <int Lanes>
using Pair = Floats<Lanes>[2];

template <int Lanes>
GOLONG_INLINE void load_pair(const float* from, Pair<Lanes>& to) {
  std::memcpy(to, from, sizeof to);
}
template <int Lanes>
GOLONG_INLINE void store_pair(const Pair<Lanes>& from, float* to) {
  std::memcpy(to, from, sizeof from);
}

// What stands for a key that a row does not see.
template <int Lanes>
GOLONG_INLINE void hide(const PanelRows& rows, int64_t key, int v, float instead, Floats<Lanes>& x) {
  Ints<Lanes> seen;
  std::memcpy(&seen, rows.seen + v * Lanes, sizeof seen);
  x = seen > static_cast<int32_t>(key) ? x : Floats<Lanes>{} + instead;
}

// scores[i][row] = numbers[i] . q of a block of keys from `key` on, minus infinity where a row does not see the key;
// `top` becomes the highest so far. q [dim][width].
template <int Lanes>
GOLONG_INLINE void score_block(const PanelRows& rows, int64_t key, const Factor& numbers, int64_t dim, const float* q,
                               const KeyRows& scores, Pair<Lanes>& top) {
  constexpr int kRows = kBlockRows<Lanes>;
  SumBlock<Lanes> sum = {};
  add_product<Lanes>(numbers, q, 2 * Lanes, dim, sum);
  if (key + kRows > rows.whole) {
    each_of_block<Lanes>([&](int i, int v) __attribute__((always_inline)) {
      hide<Lanes>(rows, key + i, v, -std::numeric_limits<float>::infinity(), sum[i][v]);
    });
  }
  each_of_block<Lanes>([&](int i, int v) __attribute__((always_inline)) {
    top[v] = sum[i][v] > top[v] ? sum[i][v] : top[v];
    store(sum[i][v], scores.data + i * scores.step + v * Lanes);
  });
}

// result[i][row] = result * keep[row] + sum, of a block of dimensions.
template <int Lanes>
GOLONG_INLINE void add_block(const SumBlock<Lanes>& sum, const Pair<Lanes>& keep, float* result) {
  each_of_block<Lanes>([&](int i, int v) __attribute__((always_inline)) {
    float* to = result + (i * 2 + v) * Lanes;
    Floats<Lanes> before;
    load(to, before);
    store(before * keep[v] + sum[i][v], to);
  });
}

}  // namespace golong::nn

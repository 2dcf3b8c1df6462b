#include "core/nn/few_rows.h"

#include <algorithm>

#include "core/nn/vector_math.h"

namespace golong::nn {
namespace kernel {
namespace {

constexpr int64_t kPart = 1024;  // of a row: so much of a few rows of weights stays in the innermost cache
constexpr int64_t kPanel = 64;   // columns of y

template <int Lanes>
GOLONG_INLINE void load_weights(const float* from, Floats<Lanes>& to) {
  load(from, to);
}
template <int Lanes>
GOLONG_INLINE void load_weights(const uint16_t* from, Floats<Lanes>& to) {
  widen<Lanes>(from, to);
}

// The last of a row, filled up with zeros.
template <int Lanes>
GOLONG_INLINE void load_last(const float* from, int64_t count, Floats<Lanes>& to) {
  load_part<Lanes>(from, count, 0, to);
}
template <int Lanes>
GOLONG_INLINE void load_last(const uint16_t* from, int64_t count, Floats<Lanes>& to) {
  uint16_t all[Lanes] = {};
  std::copy_n(from, count, all);
  widen<Lanes>(all, to);
}

// y[n] += the sum of the lanes of sums[n].
template <int Lanes, int N>
GOLONG_INLINE void add_sums(const Floats<Lanes>* sums, float* y) {
  if constexpr (Lanes == 16 && N == 4) {
    // Four at once: halves of two in one vector, then quarters of four, then within a quarter.
    constexpr Ints<16> low = {0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23}, high = low + 8;
    constexpr Ints<16> first = {0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27}, second = first + 4;
    constexpr Ints<16> pair = {2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13};
    constexpr Ints<16> one = {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14};
    const auto folded = [](const Floats<16>& a, const Floats<16>& b, const Ints<16>& left, const Ints<16>& right,
                           Floats<16>& sum) __attribute__((always_inline)) {
      Floats<16> x, y;
      choose<16>(a, b, left, x);
      choose<16>(a, b, right, y);
      sum = x + y;
    };
    Floats<16> a, b, all, turned;
    folded(sums[0], sums[1], low, high, a);
    folded(sums[2], sums[3], low, high, b);
    folded(a, b, first, second, all);
    choose<16>(all, all, pair, turned);
    all += turned;
    choose<16>(all, all, one, turned);
    all += turned;
    for (int n = 0; n < 4; ++n) y[n] += all[4 * n];
  } else {
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) y[n] += sum_of<Lanes>(sums[n]);
  }
}

// y[m][n] += x[m] . w[n] over `count` places, for M rows of x and N of the weights. Both are read along the row; the
// loops over m and n are unrolled, so that the sums stay in registers and each load serves M or N products.
// Meanwhile the rows of weights from `ahead` to `ahead_end` are asked for from memory.
template <int Lanes, int M, int N, class T>
GOLONG_INLINE void multiply(const float* x, const T* w, int64_t stride, int64_t count, const T* ahead,
                            const T* ahead_end, float* y) {
  Floats<Lanes> sum[M][N] = {};
  const auto step = [&](auto load_x, auto load_w) __attribute__((always_inline)) {
    Floats<Lanes> left[M];
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) load_x(x + m * stride, left[m]);
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      Floats<Lanes> right;
      load_w(w + n * stride, right);
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) sum[m][n] += left[m] * right;
    }
  };
  int64_t k = 0;
  for (; k + Lanes <= count; k += Lanes) {
    for (const T* row = ahead; row < ahead_end; row += stride) __builtin_prefetch(row + k);
    step(
        [&](const float* from, Floats<Lanes>& to) __attribute__((always_inline)) { load(from + k, to); },
        [&](const T* from, Floats<Lanes>& to) __attribute__((always_inline)) { load_weights<Lanes>(from + k, to); });
  }
  if (k < count) {
    step(
        [&](const float* from, Floats<Lanes>& to)
            __attribute__((always_inline)) { load_last<Lanes>(from + k, count - k, to); },
        [&](const T* from, Floats<Lanes>& to)
            __attribute__((always_inline)) { load_last<Lanes>(from + k, count - k, to); });
  }
#pragma GCC unroll 4
  for (int m = 0; m < M; ++m) add_sums<Lanes, N>(sum[m], y + m * kPanel);
}

// All rows of x with N rows of the weights, of which `w` is the first; y [rows, kPanel].
template <int Lanes, int N, class T>
GOLONG_INLINE void multiply_rows(const FewRows& p, const T* w, int64_t start, float* y) {
  const int64_t count = std::min(kPart, p.in - start);
  int64_t m = 0;
  // The next rows of weights, in equal parts: memory gives so many lines at a time and no more.
  const int64_t blocks = (p.rows + 3) / 4, part = (N + blocks - 1) / blocks * p.in;
  const T *next = w + start + N * p.in, *end = next + N * p.in;
  for (; m + 4 <= p.rows; m += 4, next += part) {
    multiply<Lanes, 4, N>(p.x + m * p.in + start, w + start, p.in, count, next, std::min(next + part, end),
                          y + m * kPanel);
  }
  for (; m < p.rows; ++m, next = end) {
    multiply<Lanes, 1, N>(p.x + m * p.in + start, w + start, p.in, count, next, end, y + m * kPanel);
  }
}

// y[:, begin:end], at most kPanel columns. Sums are gathered in a dense block: rows of y may lie so far apart that they
// push each other out of the cache.
template <int Lanes, class T>
GOLONG_INLINE void project_panel(const FewRows& p, const T* weight, int64_t begin, int64_t end) {
  constexpr int kTogether = Lanes == 16 ? 4 : 2;  // rows of weights: as many as there are registers for their sums
  std::vector<float> block(static_cast<size_t>(p.rows * kPanel), 0.f);
  for (int64_t start = 0; start < p.in; start += kPart) {
    int64_t n = begin;
    for (; n + kTogether <= end; n += kTogether) {
      multiply_rows<Lanes, kTogether>(p, weight + n * p.in, start, block.data() + (n - begin));
    }
    for (; n < end; ++n) multiply_rows<Lanes, 1>(p, weight + n * p.in, start, block.data() + (n - begin));
  }
  for (int64_t row = 0; row < p.rows; ++row) {
    std::copy_n(block.data() + row * kPanel, end - begin, p.y + row * p.out + begin);
  }
}

template <int Lanes, class T>
GOLONG_INLINE void project(const FewRows& p, const T* weight, int64_t begin, int64_t end) {
  for (; begin < end; begin += kPanel) project_panel<Lanes>(p, weight, begin, std::min(begin + kPanel, end));
}

template <int Lanes>
GOLONG_INLINE void project_few_rows(const FewRows& product, int64_t begin, int64_t end) {
  if (product.bfloat16) {
    project<Lanes>(product, static_cast<const uint16_t*>(product.weight), begin, end);
  } else {
    project<Lanes>(product, static_cast<const float*>(product.weight), begin, end);
  }
}

}  // namespace
}  // namespace kernel

GOLONG_VERSIONS(void, project_few_rows, (const FewRows& product, int64_t begin, int64_t end), (product, begin, end))

std::vector<decltype(&project_few_rows)> project_few_rows_versions() {
  return GOLONG_RUNNABLE_VERSIONS(project_few_rows);
}

}  // namespace golong::nn

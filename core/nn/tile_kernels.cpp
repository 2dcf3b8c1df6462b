#include "core/nn/tile_kernels.h"

#include "core/nn/panel_steps.h"

namespace golong::nn {
namespace kernel {
namespace {

template <int Lanes>
GOLONG_INLINE void score_panel(const PanelRows& rows, const KeyTile& keys, const float* q, const KeyRows& scores,
                               float* highest) {
  constexpr int kRows = kBlockRows<Lanes>;
  Pair<Lanes> top;
  load_pair<Lanes>(highest, top);
  for (int64_t j = 0; j < keys.count; j += kRows) {
    score_block<Lanes>(rows, keys.begin + j, {keys.k + j * keys.dim, keys.dim, 1}, keys.dim, q,
                       {scores.data + j * scores.step, scores.step}, top);
  }
  store_pair<Lanes>(top, highest);
}

template <int Lanes>
GOLONG_INLINE void soften_panel(const PanelRows& rows, const KeyTile& keys, const KeyRows& scores, const float* highest,
                                float* reference, float* sum, float* shrink) {
  Pair<Lanes> top, total = {}, before, gathered;
  load_pair<Lanes>(highest, top);
  const auto soften = [&](int64_t j, auto finish) __attribute__((always_inline)) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      float* score = scores.data + j * scores.step + v * Lanes;
      Floats<Lanes> x;
      load(score, x);
      x -= top[v];
      exp2_in_place<Lanes>(x);
      finish(v, x);
      total[v] += x;
      store(x, score);
    }
  };
  int64_t j = 0;
  for (; j < keys.count && keys.begin + j < rows.whole; ++j) {
    soften(j, [](int, Floats<Lanes>&) __attribute__((always_inline)){});
  }
  for (; j < keys.count; ++j) {
    soften(
        j, [&](int v, Floats<Lanes>& x) __attribute__((always_inline)) { hide<Lanes>(rows, keys.begin + j, v, 0, x); });
  }
  load_pair<Lanes>(reference, before);
  load_pair<Lanes>(sum, gathered);
  for (int v = 0; v < 2; ++v) {
    before[v] -= top[v];
    exp2_in_place<Lanes>(before[v]);
    gathered[v] = gathered[v] * before[v] + total[v];
  }
  store_pair<Lanes>(top, reference);
  store_pair<Lanes>(gathered, sum);
  store_pair<Lanes>(before, shrink);
}

template <int Lanes>
GOLONG_INLINE void gather_panel(const float* numbers, const KeyTile& keys, const KeyRows& weights, const float* shrink,
                                float* result) {
  Pair<Lanes> keep;
  load_pair<Lanes>(shrink, keep);
  for (int64_t d = 0; d < keys.dim; d += kBlockRows<Lanes>, result += kBlockRows<Lanes> * 2 * Lanes) {
    SumBlock<Lanes> sum = {};
    add_product<Lanes>({numbers + d, 1, keys.dim}, weights.data, weights.step, keys.count, sum);
    add_block<Lanes>(sum, keep, result);
  }
}

template <int Lanes>
GOLONG_INLINE void weigh_panel(const PanelRows& rows, const KeyTile& keys, const float* q, const float* lse,
                               const KeyRows& weights) {
  constexpr int kRows = kBlockRows<Lanes>;
  Pair<Lanes> normalizer;
  load_pair<Lanes>(lse, normalizer);
  for (int64_t j = 0; j < keys.count; j += kRows) {
    SumBlock<Lanes> sum = {};
    add_product<Lanes>({keys.k + j * keys.dim, keys.dim, 1}, q, 2 * Lanes, keys.dim, sum);
    each_of_block<Lanes>([&](int i, int v) __attribute__((always_inline)) {
      sum[i][v] -= normalizer[v];
      exp2_in_place<Lanes>(sum[i][v]);
    });
    if (keys.begin + j + kRows > rows.whole) {
      each_of_block<Lanes>([&](int i, int v) __attribute__((always_inline)) {
        hide<Lanes>(rows, keys.begin + j + i, v, 0, sum[i][v]);
      });
    }
    each_of_block<Lanes>([&](int i, int v) __attribute__((always_inline)) {
      store(sum[i][v], weights.data + (j + i) * weights.step + v * Lanes);
    });
  }
}

template <int Lanes>
GOLONG_INLINE void grad_scores_panel(const KeyTile& keys, const float* grad, const float* delta, const KeyRows& weights,
                                     const KeyRows& grad_scores) {
  constexpr int kRows = kBlockRows<Lanes>;
  Pair<Lanes> mean;
  load_pair<Lanes>(delta, mean);
  for (int64_t j = 0; j < keys.count; j += kRows) {
    SumBlock<Lanes> sum = {};
    add_product<Lanes>({keys.v + j * keys.dim, keys.dim, 1}, grad, 2 * Lanes, keys.dim, sum);
    each_of_block<Lanes>([&](int i, int v) __attribute__((always_inline)) {
      Floats<Lanes> weight;
      load(weights.data + (j + i) * weights.step + v * Lanes, weight);
      store((sum[i][v] - mean[v]) * weight, grad_scores.data + (j + i) * grad_scores.step + v * Lanes);
    });
  }
}

template <int Lanes>
GOLONG_INLINE void add_to_keys(const KeyRows& weights, const KeyTile& keys, const float* numbers, int64_t rows,
                               float* to) {
  constexpr int kRows = kBlockRows<Lanes>;
  for (int64_t d = 0; d < keys.dim; d += 2 * Lanes) {
    for (int64_t j = 0; j < keys.count; j += kRows) {
      SumBlock<Lanes> sum = {};
      add_product<Lanes>({weights.data + j * weights.step, weights.step, 1}, numbers + d, keys.dim, rows, sum);
      each_of_block<Lanes>([&](int i, int v) __attribute__((always_inline)) {
        float* place = to + (j + i) * keys.dim + d + v * Lanes;
        Floats<Lanes> before;
        load(place, before);
        store(before + sum[i][v], place);
      });
    }
  }
}

template <int Lanes>
GOLONG_INLINE void transpose_rows(const float* from, int64_t from_step, int64_t rows, int64_t columns, float factor,
                                  float* to, int64_t to_step) {
  for (int64_t row = 0; row < rows; row += Lanes) {
    for (int64_t column = 0; column < columns; column += Lanes) {
      Floats<Lanes> square[Lanes];
#pragma GCC unroll 16
      for (int i = 0; i < Lanes; ++i) {
        load(from + (row + i) * from_step + column, square[i]);
        square[i] *= factor;
      }
      turn_square<Lanes>(square);
#pragma GCC unroll 16
      for (int i = 0; i < Lanes; ++i) store(square[i], to + (column + i) * to_step + row);
    }
  }
}

template <int Lanes>
GOLONG_INLINE float dot_row(const float* a, const float* b, int64_t count) {
  Floats<Lanes> sum = {}, x, y;
  int64_t i = 0;
  for (; i + Lanes <= count; i += Lanes) {
    load(a + i, x);
    load(b + i, y);
    sum += x * y;
  }
  float rest = 0;
  for (; i < count; ++i) rest += a[i] * b[i];
  return sum_of<Lanes>(sum) + rest;
}

template <int Lanes>
GOLONG_INLINE int64_t panel_width() {
  return 2 * Lanes;
}

}  // namespace
}  // namespace kernel

GOLONG_VERSIONS(void, score_panel,
                (const PanelRows& rows, const KeyTile& keys, const float* q, const KeyRows& scores, float* highest),
                (rows, keys, q, scores, highest))

GOLONG_VERSIONS(void, soften_panel,
                (const PanelRows& rows, const KeyTile& keys, const KeyRows& scores, const float* highest,
                 float* reference, float* sum, float* shrink),
                (rows, keys, scores, highest, reference, sum, shrink))

GOLONG_VERSIONS(void, gather_panel,
                (const float* numbers, const KeyTile& keys, const KeyRows& weights, const float* shrink, float* result),
                (numbers, keys, weights, shrink, result))

GOLONG_VERSIONS(void, weigh_panel,
                (const PanelRows& rows, const KeyTile& keys, const float* q, const float* lse, const KeyRows& weights),
                (rows, keys, q, lse, weights))

GOLONG_VERSIONS(void, grad_scores_panel,
                (const KeyTile& keys, const float* grad, const float* delta, const KeyRows& weights,
                 const KeyRows& grad_scores),
                (keys, grad, delta, weights, grad_scores))

GOLONG_VERSIONS(void, add_to_keys,
                (const KeyRows& weights, const KeyTile& keys, const float* numbers, int64_t rows, float* to),
                (weights, keys, numbers, rows, to))

GOLONG_VERSIONS(void, transpose_rows,
                (const float* from, int64_t from_step, int64_t rows, int64_t columns, float factor, float* to,
                 int64_t to_step),
                (from, from_step, rows, columns, factor, to, to_step))

GOLONG_VERSIONS(float, dot_row, (const float* a, const float* b, int64_t count), (a, b, count))

GOLONG_VERSIONS(int64_t, panel_width, (), ())

const std::vector<TileKernels>& tile_kernel_versions() {
  static const std::vector<TileKernels> versions = [] {
    const auto width = GOLONG_RUNNABLE_VERSIONS(panel_width);
    const auto score = GOLONG_RUNNABLE_VERSIONS(score_panel);
    const auto soften = GOLONG_RUNNABLE_VERSIONS(soften_panel);
    const auto gather = GOLONG_RUNNABLE_VERSIONS(gather_panel);
    const auto weigh = GOLONG_RUNNABLE_VERSIONS(weigh_panel);
    const auto grad_scores = GOLONG_RUNNABLE_VERSIONS(grad_scores_panel);
    const auto add = GOLONG_RUNNABLE_VERSIONS(add_to_keys);
    const auto transpose = GOLONG_RUNNABLE_VERSIONS(transpose_rows);
    const auto dot = GOLONG_RUNNABLE_VERSIONS(dot_row);
    std::vector<TileKernels> all;
    for (size_t i = 0; i < width.size(); ++i) {
      all.push_back(
          {width[i](), score[i], soften[i], gather[i], weigh[i], grad_scores[i], add[i], transpose[i], dot[i]});
    }
    return all;
  }();
  return versions;
}

}  // namespace golong::nn

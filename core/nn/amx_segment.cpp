// Each tile of rows lies in panels of 32 rows, two vectors: queries in the lanes, as in the kernels of float32.
#include "core/nn/amx_segment.h"

#include "core/nn/amx_blocks.h"
#include "core/nn/panels.h"

#ifdef GOLONG_AMX
#include <cmath>
#include <limits>
#include <numbers>
#endif

namespace golong::nn {

#ifdef GOLONG_AMX
namespace {

#define GOLONG_AMX_KERNEL [[gnu::target("arch=x86-64-v4")]]

using namespace amx;

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// Parts of the scratch memory, one behind the other.
template <class T>
T* take(float*& scratch, int64_t count) {
  T* taken = reinterpret_cast<T*>(scratch);
  scratch += count * static_cast<int64_t>(sizeof(T)) / static_cast<int64_t>(sizeof(float));
  return taken;
}

GOLONG_AMX_KERNEL void turn_keys(const uint16_t* from, int64_t keys, int64_t dim, uint16_t* to) {
  for (int64_t key = 0; key < keys; key += 32, from += 32 * dim) {
    for (int64_t d = 0; d < dim; d += kLanes, to += kLanes * 32) {
      Vector16 square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) pair_up(from + 2 * i * dim + d, from + (2 * i + 1) * dim + d, square[i]);
      turn_square<kLanes>(square);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(square[i], to + i * 32);
    }
  }
}

int64_t filled_up(int64_t keys) { return (keys + kBlock - 1) / kBlock * kBlock; }

// Keys of one head that a panel meets at once.
struct Keys {
  int64_t begin, count;  // a multiple of kBlock

  // From this one on, counted from `begin`, some rows of the panel do not see the key.
  int64_t hidden(const PanelRows& rows) const { return std::clamp<int64_t>(rows.whole - begin, 0, count); }
};

GOLONG_INLINE void hide(const PanelRows& rows, int64_t key, int v, float instead, Vector16& x) {
  Ints<kLanes> seen;
  load(rows.seen + v * kLanes, seen);
  x = seen > static_cast<int32_t>(key) ? x : Vector16{} + instead;
}

// out [keys][32] = numbers [keys][dim] x panel [dim][32]
GOLONG_INLINE void score(const uint16_t* numbers, const Keys& keys, int64_t dim, const uint16_t* panel, float* out) {
  for (int64_t j = 0; j < keys.count; j += kBlock) {
    multiply<Sum::kNew>(dense(numbers + j * dim, dim), dense_pairs(panel, 2 * kPanel), dim / 32, out + j * kPanel,
                        kPanel);
  }
}

// The running softmax of a panel: the highest score of each row in powers of two, the sum of its weights, and what the
// sums before are multiplied by.
struct Softmax {
  float *highest, *sum, *shrink;
};

// weights [keys / 2][32][2] = 2^(scores * factor - highest)
GOLONG_INLINE void soften(const PanelRows& rows, const Keys& keys, float factor, const float* scores,
                          const Softmax& softmax, uint16_t* weights) {
  const int64_t hidden = keys.hidden(rows);
  Vector16 left = Vector16{} + kMinusInfinity, right = left, left_too = left, right_too = left;
  int64_t key = 0;
  for (; key + 2 <= hidden; key += 2) {  // two of each, so that a maximum need not wait for the one before
    Vector16 x[4];
    load(scores + key * kPanel, x);
    higher(x[0], left, left);
    higher(x[1], right, right);
    higher(x[2], left_too, left_too);
    higher(x[3], right_too, right_too);
  }
  for (; key < keys.count; ++key) {
    Pair x;
    load(scores + key * kPanel, x);
    hide(rows, keys.begin + key, 0, kMinusInfinity, x[0]);
    hide(rows, keys.begin + key, 1, kMinusInfinity, x[1]);
    higher(x[0], left, left);
    higher(x[1], right, right);
  }
  higher(left_too, left, left);
  higher(right_too, right, right);
  Pair top = {left, right}, total = {};
  for (int v = 0; v < 2; ++v) {
    Vector16 before, sum;
    load(softmax.highest + v * kLanes, before);
    load(softmax.sum + v * kLanes, sum);
    top[v] *= factor;
    higher(top[v], before, top[v]);
    store(top[v], softmax.highest + v * kLanes);
    before -= top[v];
    rough_exp2(before);
    store(before, softmax.shrink + v * kLanes);
    store(sum * before, softmax.sum + v * kLanes);
  }
  for (int64_t j = 0; j < keys.count; j += 2) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      Pair x;
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        load(scores + (j + i) * kPanel + v * kLanes, x[i]);
        x[i] = x[i] * factor - top[v];
        rough_exp2(x[i]);
        if (j + 2 > hidden) hide(rows, keys.begin + j + i, v, 0, x[i]);
        total[v] += x[i];
        round_halves(x[i]);
      }
      store_pairs(x[0], x[1], weights + j * kPanel + 2 * v * kLanes);
    }
  }
  for (int v = 0; v < 2; ++v) {
    Vector16 sum;
    load(softmax.sum + v * kLanes, sum);
    store(sum + total[v], softmax.sum + v * kLanes);
  }
}

// result [dim][32] times factor [32]
GOLONG_INLINE void scale_panel(const float* factor, int64_t dim, float* result) {
  Pair f;
  load(factor, f);
  for (int64_t d = 0; d < dim; ++d) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      Vector16 x;
      load(result + d * kPanel + v * kLanes, x);
      store(x * f[v], result + d * kPanel + v * kLanes);
    }
  }
}

// result [dim][32] += columns x weights, summed over the keys.
GOLONG_INLINE void gather(const uint16_t* columns, const Keys& keys, int64_t dim, const uint16_t* weights,
                          float* result) {
  for (int64_t d = 0; d < dim; d += kBlock) {
    multiply<Sum::kAdded>({columns + keys.begin * dim + d * 32, 32, 32 * dim}, dense_pairs(weights, 2 * kPanel),
                          keys.count / 32, result + d * kPanel, kPanel);
  }
}

int64_t forward_floats(int64_t dim) { return 3 * dim * kTileRows + kTileKeys * kPanel * 3 / 2 + 3 * kTileRows; }

GOLONG_AMX_KERNEL void forward_tile(const SegmentHead<uint16_t>& head, const uint16_t* columns, int64_t first,
                                    const RowView<uint16_t>& out, const RowView<float>& lse, float* scratch) {
  const TileRows tile(head.shape, first, kPanel);
  const TileKernels& turned = tile_kernel_versions().front();
  const int64_t dim = head.shape.dim, size = dim * kTileRows;
  const float factor = head.scale * std::numbers::log2e_v<float>;
  auto *rows = take<uint16_t>(scratch, size), *q = take<uint16_t>(scratch, size);
  auto *result = take<float>(scratch, size), *wide = take<float>(scratch, size);
  auto* scores = take<float>(scratch, kTileKeys * kPanel);
  auto* weights = take<uint16_t>(scratch, kTileKeys * kPanel);
  auto *highest = take<float>(scratch, kTileRows), *sum = take<float>(scratch, kTileRows),
       *shrink = take<float>(scratch, kTileRows);
  tile.gather(head.q, rows);
  std::fill_n(result, size, 0.f);
  std::fill_n(highest, kTileRows, kMinusInfinity);
  std::fill_n(sum, kTileRows, 0.f);
  {
    const AmxTiles tiles;
    for (int64_t p = 0; p < tile.panels; ++p) turn_panel(rows + p * kPanel * dim, dim, q + p * kPanel * dim);
    for (int64_t begin = 0; begin < tile.last; begin += kTileKeys) {
      const Keys keys{begin, filled_up(std::min(kTileKeys, tile.last - begin))};
      for (int64_t p = 0; p < tile.panels; ++p) {
        const int64_t at = p * kPanel;
        score(head.k + begin * dim, keys, dim, q + at * dim, scores);
        soften(tile.panel(p), keys, factor, scores, {highest + at, sum + at, shrink}, weights);
        scale_panel(shrink, dim, result + at * dim);
        gather(columns, keys, dim, weights, result + at * dim);
      }
    }
  }
  for (int64_t i = 0; i < tile.count; ++i) {
    *tile.row(lse, i) = (highest[i] + std::log2(sum[i])) * std::numbers::ln2_v<float>;
  }
  for (int64_t i = 0; i < kTileRows; ++i) sum[i] = 1 / sum[i];
  for (int64_t p = 0; p < tile.panels; ++p) scale_panel(sum + p * kPanel, dim, result + p * kPanel * dim);
  tile.from_panels(turned, result, wide);
  for (int64_t i = 0; i < tile.panels * kPanel * dim; i += 2 * kLanes) {
    Pair x;
    load(wide + i, x);
    round_halves(x[0]);
    round_halves(x[1]);
    store_halves(x[0], x[1], rows + i);
  }
  tile.scatter(rows, out);
}

int64_t backward_floats(int64_t dim) {
  return 5 * dim * kTileRows + kBlock * kPanel * 2 + kTileKeys * kPanel / 2 + kTileKeys * kTileRows + 2 * kTileRows;
}

// What a panel needs of its rows in the backward pass: lse in powers of two, delta times the scale.
struct Normalizers {
  const float *lse, *delta;
};

// Where weights and the gradients of scores go: [keys][kTileRows] each, from the panel's first row on, and the latter
// [keys / 2][32][2] as well.
struct Weighed {
  uint16_t *weights, *grad_scores, *pairs;
};

// weights = 2^(scores * scale - lse), grad_scores = weights * (grad_weights * scale - delta)
GOLONG_INLINE void weigh(const PanelRows& rows, const Keys& keys, float scale, const float* scores,
                         const float* grad_weights, const Normalizers& normalizers, const Weighed& to) {
  const int64_t hidden = keys.hidden(rows);
  const float factor = scale * std::numbers::log2e_v<float>;
  Pair lse, delta;
  load(normalizers.lse, lse);
  load(normalizers.delta, delta);
  for (int64_t j = 0; j < keys.count; j += 2) {
    Pair weight[2], grad[2];
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        Vector16 &w = weight[i][v], &g = grad[i][v];
        load(scores + (j + i) * kPanel + v * kLanes, w);
        load(grad_weights + (j + i) * kPanel + v * kLanes, g);
        w = w * factor - lse[v];
        rough_exp2(w);
        if (j + 2 > hidden) hide(rows, keys.begin + j + i, v, 0, w);
        g = w * (g * scale - delta[v]);
        round_halves(w);
        round_halves(g);
      }
      store_halves(weight[i][0], weight[i][1], to.weights + (j + i) * kTileRows);
      store_halves(grad[i][0], grad[i][1], to.grad_scores + (j + i) * kTileRows);
    }
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) store_pairs(grad[0][v], grad[1][v], to.pairs + j * kPanel + 2 * v * kLanes);
  }
}

// to [keys][dim] += weights x rows, summed over `panels` of rows. weights [keys][kTileRows], rows in pairs.
GOLONG_INLINE void add_to_keys(const uint16_t* weights, const Keys& keys, const uint16_t* rows, int64_t panels,
                               int64_t dim, float* to) {
  for (int64_t j = 0; j < keys.count; j += kBlock) {
    for (int64_t d = 0; d < dim; d += kBlock) {
      multiply<Sum::kAdded>(dense(weights + j * kTileRows, kTileRows), dense_pairs(rows + 2 * d, 2 * dim), panels,
                            to + j * dim + d, dim);
    }
  }
}

// a . b, of a multiple of 16 numbers
GOLONG_INLINE float dot(const uint16_t* a, const uint16_t* b, int64_t count) {
  Vector16 sum = {}, x, y;
  for (int64_t i = 0; i < count; i += kLanes) {
    widen<kLanes>(a + i, x);
    widen<kLanes>(b + i, y);
    sum += x * y;
  }
  return sum_of<kLanes>(sum);
}

// The rows of a tile in the backward pass, as the products want them.
struct BackwardRows {
  uint16_t *q, *grad;                // in pairs of rows
  uint16_t *q_panels, *grad_panels;  // turned
  float *lse, *delta;
};

GOLONG_INLINE void prepare(const SegmentPart<uint16_t>& part, const TileRows& tile, uint16_t* rows, uint16_t* more_rows,
                           const BackwardRows& to) {
  const HeadShape& shape = part.head.shape;
  const int64_t dim = shape.dim, filled = tile.panels * kPanel;
  std::fill_n(to.lse, kTileRows, 0.f);  // rows that are filled up add nothing, their gradient is 0
  std::fill_n(to.delta, kTileRows, 0.f);
  tile.gather(part.grad, rows);
  tile.gather(part.out, more_rows);
  for (int64_t i = 0; i < tile.count; ++i) {
    to.lse[i] = *tile.row(part.lse, i) * std::numbers::log2e_v<float>;
    to.delta[i] = dot(rows + i * dim, more_rows + i * dim, dim) * part.head.scale;
  }
  tile.gather(part.head.q, more_rows);
  pair_rows(rows, filled, dim, to.grad);
  pair_rows(more_rows, filled, dim, to.q);
  for (int64_t at = 0; at < filled * dim; at += kPanel * dim) {
    turn_panel(rows + at, dim, to.grad_panels + at);
    turn_panel(more_rows + at, dim, to.q_panels + at);
  }
}

GOLONG_AMX_KERNEL void backward_tile(const SegmentPart<uint16_t>& part, const uint16_t* columns, int64_t first,
                                     float* scratch) {
  const HeadShape& shape = part.head.shape;
  const TileRows tile(shape, first, kPanel);
  const int64_t dim = shape.dim, size = dim * kTileRows;
  const auto halves = [&] { return take<uint16_t>(scratch, size); };
  auto *rows = halves(), *more_rows = halves();
  const BackwardRows ready{
      halves(), halves(), halves(), halves(), take<float>(scratch, kTileRows), take<float>(scratch, kTileRows)};
  auto *result = take<float>(scratch, size), *dense_result = take<float>(scratch, size);
  auto *scores = take<float>(scratch, kBlock * kPanel), *grad_weights = take<float>(scratch, kBlock * kPanel);
  auto *weights = take<uint16_t>(scratch, kTileKeys * kTileRows),
       *grad_scores = take<uint16_t>(scratch, kTileKeys * kTileRows),
       *pairs = take<uint16_t>(scratch, kTileKeys * kPanel);
  prepare(part, tile, rows, more_rows, ready);
  std::fill_n(result, size, 0.f);
  {
    const AmxTiles tiles;
    const int64_t end = std::min(part.end, tile.last);
    for (int64_t begin = part.begin; begin < end; begin += kTileKeys) {
      const Keys keys{begin, filled_up(std::min(kTileKeys, end - begin))};
      const int64_t from = begin * dim;
      for (int64_t p = 0; p < tile.panels; ++p) {
        const int64_t at = p * kPanel;
        // A block at a time: its scores are read again while they are in the innermost cache.
        for (int64_t j = 0; j < keys.count; j += kBlock) {
          const Keys block{begin + j, kBlock};
          score(part.head.k + from + j * dim, block, dim, ready.q_panels + at * dim, scores);
          score(part.head.v + from + j * dim, block, dim, ready.grad_panels + at * dim, grad_weights);
          weigh(tile.panel(p), block, part.head.scale, scores, grad_weights, {ready.lse + at, ready.delta + at},
                {weights + j * kTileRows + at, grad_scores + j * kTileRows + at, pairs + j * kPanel});
        }
        gather(columns, keys, dim, pairs, result + at * dim);
      }
      add_to_keys(weights, keys, ready.grad, tile.panels, dim, part.grad_v + from);
      add_to_keys(grad_scores, keys, ready.q, tile.panels, dim, part.grad_k + from);
    }
  }
  tile.from_panels(tile_kernel_versions().front(), result, dense_result);
  tile.scatter(dense_result, part.grad_q);
}

}  // namespace

const AmxKernels* amx_kernels() {
  static const AmxKernels kernels{forward_floats, backward_floats, forward_tile, backward_tile, turn_keys};
  return has_amx() ? &kernels : nullptr;
}

#else

const AmxKernels* amx_kernels() { return nullptr; }

#endif

}  // namespace golong::nn

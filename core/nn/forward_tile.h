// The forward pass of one tile of rows: keys are met a tile at a time, wherever they lie, and what was gathered shrinks
// when a larger score comes.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/nn/panels.h"

namespace golong::nn {

class ForwardTile {
 public:
  // Floats that a tile needs, aligned to 64 bytes.
  static int64_t scratch(int64_t dim) { return 3 * dim * kTileRows + kTileKeys * kTileRows + 4 * kTileRows; }

  // Rows first .. first + kTileRows - 1 of a head, as far as there are. Weights are exp(scale * q . k).
  // `scratch` and the kernels are borrowed.
  ForwardTile(const HeadShape& head, const RowView<const float>& q, float scale, int64_t first,
              const TileKernels& kernels, float* scratch)
      : kernels_(kernels), dim_(head.dim), rows_(head, first, kernels.width) {
    const int64_t size = dim_ * kTileRows;
    dense_ = scratch;
    q_ = dense_ + size;
    result_ = q_ + size;
    scores_ = result_ + size;
    highest_ = scores_ + kTileKeys * kTileRows;
    reference_ = highest_ + kTileRows;
    sum_ = reference_ + kTileRows;
    shrink_ = sum_ + kTileRows;
    rows_.gather(q, dense_);
    rows_.to_panels(kernels, dense_, scale * std::numbers::log2e_v<float>, q_);
    std::fill_n(result_, size, 0.f);
    std::fill_n(highest_, 2 * kTileRows, -std::numeric_limits<float>::infinity());  // and the reference
    std::fill_n(sum_, kTileRows, 0.f);
  }

  int64_t last() const { return rows_.last; }  // keys that any of the rows sees

  // Keys begin .. begin + count - 1: score(panel, q, scores, highest) and gather(weights, shrink, result), as
  // tile_kernels.h says.
  template <class Score, class Gather>
  void meet(int64_t begin, int64_t count, const Score& score, const Gather& gather) {
    for (int64_t p = 0; p < rows_.panels; ++p) {
      const int64_t at = p * rows_.width;
      const PanelRows panel = rows_.panel(p);
      const KeyRows weights{scores_, rows_.width};
      score(panel, q_ + at * dim_, weights, highest_ + at);
      kernels_.soften(panel, {begin, count, dim_, nullptr, nullptr}, weights, highest_ + at, reference_ + at, sum_ + at,
                      shrink_);
      gather(weights, shrink_, result_ + at * dim_);
    }
  }

  void write_lse(const RowView<float>& lse) const {
    for (int64_t i = 0; i < rows_.count; ++i) {
      *rows_.row(lse, i) = (highest_[i] + std::log2(sum_[i])) * std::numbers::ln2_v<float>;
    }
  }
  // The last thing: divides by the sums.
  void write(const RowView<float>& out) {
    for (int64_t i = 0; i < kTileRows; ++i) sum_[i] = 1 / sum_[i];
    for (int64_t p = 0; p < rows_.panels; ++p) {  // no keys, so that it only divides
      const int64_t at = p * rows_.width;
      kernels_.gather(scores_, {0, 0, dim_, scores_, scores_}, {scores_, rows_.width}, sum_ + at, result_ + at * dim_);
    }
    rows_.from_panels(kernels_, result_, dense_);
    rows_.scatter(dense_, out);
  }

 private:
  const TileKernels& kernels_;
  int64_t dim_;
  TileRows rows_;
  // Of the scratch: rows [rows][dim]; panels of queries and results, each [dim][width]; scores of one panel; by row.
  float *dense_, *q_, *result_, *scores_, *highest_, *reference_, *sum_, *shrink_;
};

}  // namespace golong::nn

// A tile of rows in the order in which the kernels read it: panels of two vectors of rows, in each panel [dim][rows].
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/nn/segment_kernel.h"

namespace golong::nn {

// The rows of a tile, and the keys that they see.
struct TileRows {
  const SegmentHead& head;
  int64_t first, count, width;
  int64_t panels;
  int64_t last;  // keys that any of them sees
  alignas(64) int32_t seen[kTileRows];

  TileRows(const SegmentHead& of, int64_t from, int64_t panel_width)
      : head(of),
        first(from),
        count(std::min(kTileRows, of.rows - from)),
        width(panel_width),
        panels((count + width - 1) / width) {
    for (int64_t i = 0; i < kTileRows; ++i) {
      const int64_t token = (first + std::min(i, count - 1)) / head.share;
      seen[i] = static_cast<int32_t>(head.causal ? std::min(token + 1, head.keys) : head.keys);
    }
    last = seen[kTileRows - 1];
  }

  PanelRows panel(int64_t p) const { return {seen + p * width, seen[p * width]}; }

  // panels = rows * scale; what is filled up is 0.
  void turn(const RowView<const float>& rows, float scale, float* to) const {
    for (int64_t i = 0; i < panels * width; ++i) {
      float* column = to + i / width * width * head.dim + i % width;
      const float* from = i < count ? rows.row(first + i, head.share) : nullptr;
      const int64_t dims = from != nullptr ? head.head_dim : 0;
      for (int64_t d = 0; d < dims; ++d) column[d * width] = from[d] * scale;
      for (int64_t d = dims; d < head.dim; ++d) column[d * width] = 0;
    }
  }

  // The inverse: rows = panels, each row times its own scale.
  void turn_back(const float* from, const float* scale, const RowView<float>& rows) const {
    for (int64_t i = 0; i < count; ++i) {
      const float* column = from + i / width * width * head.dim + i % width;
      float* to = rows.row(first + i, head.share);
      for (int64_t d = 0; d < head.head_dim; ++d) to[d] = column[d * width] * scale[i];
    }
  }
};

}  // namespace golong::nn

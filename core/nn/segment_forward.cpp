// The forward pass of one tile of rows: keys are met tile by tile, and what was gathered shrinks when a larger score
// comes.
#include <cmath>
#include <limits>
#include <numbers>

#include "core/nn/panels.h"
#include "core/nn/segment_kernel.h"

namespace golong::nn {

int64_t forward_scratch(int64_t dim) { return 3 * dim * kTileRows + kTileKeys * kTileRows + 4 * kTileRows; }

void forward_tile(const SegmentHead<float>& segment, int64_t first, const RowView<float>& out,
                  const RowView<float>& lse, const TileKernels& kernels, float* scratch) {
  const HeadShape& head = segment.shape;
  const TileRows tile(head, first, kernels.width);
  const int64_t size = head.dim * kTileRows;
  float *rows = scratch, *q = rows + size, *result = q + size, *scores = result + size,
        *highest = scores + kTileKeys * kTileRows, *reference = highest + kTileRows, *sum = reference + kTileRows,
        *shrink = sum + kTileRows;
  tile.gather(segment.q, rows);
  tile.to_panels(kernels, rows, head.scale * std::numbers::log2e_v<float>, q);
  std::fill_n(result, size, 0.f);
  std::fill_n(highest, 2 * kTileRows, -std::numeric_limits<float>::infinity());  // and the reference
  std::fill_n(sum, kTileRows, 0.f);
  for (int64_t begin = 0; begin < tile.last; begin += kTileKeys) {
    const int64_t count = std::min(kTileKeys, tile.last - begin), from = begin * head.dim;
    const KeyTile keys{begin, count, head.dim, segment.k + from, segment.v + from};
    for (int64_t p = 0; p < tile.panels; ++p) {
      const int64_t at = p * tile.width;
      const PanelRows panel = tile.panel(p);
      const KeyRows weights{scores, tile.width};
      kernels.score(panel, keys, q + at * head.dim, weights, highest + at);
      kernels.soften(panel, keys, weights, highest + at, reference + at, sum + at, shrink);
      kernels.gather(keys.v, keys, weights, shrink, result + at * head.dim);
    }
  }
  for (int64_t i = 0; i < tile.count; ++i) {
    *tile.row(lse, i) = (highest[i] + std::log2(sum[i])) * std::numbers::ln2_v<float>;
  }
  for (int64_t i = 0; i < kTileRows; ++i) sum[i] = 1 / sum[i];
  for (int64_t p = 0; p < tile.panels; ++p) {  // no keys, so that it only divides
    const int64_t at = p * tile.width;
    kernels.gather(segment.v, {0, 0, head.dim, segment.k, segment.v}, {scores, tile.width}, sum + at,
                   result + at * head.dim);
  }
  tile.from_panels(kernels, result, rows);
  tile.scatter(rows, out);
}

}  // namespace golong::nn

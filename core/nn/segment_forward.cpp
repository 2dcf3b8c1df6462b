// The forward pass of one tile of rows over the keys of a segment.
#include "core/nn/forward_tile.h"
#include "core/nn/segment_kernel.h"

namespace golong::nn {

int64_t forward_scratch(int64_t dim) { return ForwardTile::scratch(dim); }

void forward_tile(const SegmentHead<float>& segment, int64_t first, const RowView<float>& out,
                  const RowView<float>& lse, const TileKernels& kernels, float* scratch) {
  const HeadShape& head = segment.shape;
  ForwardTile tile(head, segment.q, segment.scale, first, kernels, scratch);
  for (int64_t begin = 0; begin < tile.last(); begin += kTileKeys) {
    const int64_t count = std::min(kTileKeys, tile.last() - begin), from = begin * head.dim;
    const KeyTile keys{begin, count, head.dim, segment.k + from, segment.v + from};
    tile.meet(
        begin, count,
        [&](const PanelRows& panel, const float* q, const KeyRows& scores, float* highest) {
          kernels.score(panel, keys, q, scores, highest);
        },
        [&](const KeyRows& weights, const float* shrink, float* result) {
          kernels.gather(keys.v, keys, weights, shrink, result);
        });
  }
  tile.write_lse(lse);
  tile.write(out);
}

}  // namespace golong::nn

// The backward pass of one tile of rows. With P = exp(scores - lse) and delta = grad . out of a row:
// dV = P^T grad, dS = scale P * (grad V^T - delta), dQ = dS K, dK = dS^T Q.
#include <numbers>

#include "core/nn/panels.h"
#include "core/nn/segment_kernel.h"

namespace golong::nn {
int64_t backward_scratch(int64_t dim) { return 5 * dim * kTileRows + 2 * kTileKeys * kTileRows + 3 * kTileRows; }

void backward_tile(const SegmentPart<float>& part, int64_t first, const TileKernels& kernels, float* scratch) {
  const SegmentHead<float>& segment = part.head;
  const HeadShape& head = segment.shape;
  const TileRows tile(head, first, kernels.width);
  const int64_t size = head.dim * kTileRows;
  float *q = scratch, *grad = q + size, *q_panels = grad + size, *grad_panels = q_panels + size,
        *result = grad_panels + size, *weights = result + size, *grad_scores = weights + kTileKeys * kTileRows,
        *lse = grad_scores + kTileKeys * kTileRows, *delta = lse + kTileRows, *ones = delta + kTileRows;
  tile.gather(segment.q, q);
  tile.gather(part.grad, grad);
  tile.to_panels(kernels, q, segment.scale * std::numbers::log2e_v<float>, q_panels);
  tile.to_panels(kernels, grad, segment.scale, grad_panels);  // with the scale in dS it is in dQ and dK
  std::fill_n(result, size, 0.f);
  std::fill_n(lse, 2 * kTileRows, 0.f);  // and delta: rows that are filled up add nothing, their gradient is 0
  std::fill_n(ones, kTileRows, 1.f);
  for (int64_t i = 0; i < tile.count; ++i) {
    lse[i] = *tile.row(part.lse, i) * std::numbers::log2e_v<float>;
    delta[i] = kernels.dot(grad + i * head.dim, tile.row(part.out, i), head.head_dim) * segment.scale;
  }
  const int64_t end = std::min(part.end, tile.last);
  for (int64_t begin = part.begin; begin < end; begin += kTileKeys) {
    const int64_t count = std::min(kTileKeys, end - begin), from = begin * head.dim;
    const KeyTile keys{begin, count, head.dim, segment.k + from, segment.v + from};
    for (int64_t p = 0; p < tile.panels; ++p) {
      const int64_t at = p * tile.width, panel = at * head.dim;
      const KeyRows mine{weights + at, kTileRows}, scores{grad_scores + at, kTileRows};
      kernels.weigh(tile.panel(p), keys, q_panels + panel, lse + at, mine);
      kernels.grad_scores(keys, grad_panels + panel, delta + at, mine, scores);
      kernels.gather(keys.k, keys, scores, ones, result + panel);
    }
    kernels.add({weights, kTileRows}, keys, grad, tile.count, part.grad_v + from);
    kernels.add({grad_scores, kTileRows}, keys, q, tile.count, part.grad_k + from);
  }
  tile.from_panels(kernels, result, q);
  tile.scatter(q, part.grad_q);
}

}  // namespace golong::nn

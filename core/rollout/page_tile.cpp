#include "core/rollout/page_tile.h"

#include <algorithm>

#include "core/nn/panel_steps.h"

namespace golong {
namespace kernel {
namespace {

template <int Lanes>
GOLONG_INLINE void score_pages(const nn::PanelRows& rows, const PageTile& tile, const float* q,
                               const nn::KeyRows& scores, float* highest) {
  static_assert(PageLayout::kBlock % nn::kBlockRows<Lanes> == 0);
  nn::Pair<Lanes> top;
  nn::load_pair<Lanes>(highest, top);
  for (int64_t j = 0; j < tile.count; j += nn::kBlockRows<Lanes>) {
    const float* keys = tile.keys[j / kPageTokens] + tile.layout.key(j % kPageTokens, 0);
    nn::score_block<Lanes>(rows, tile.begin + j, {keys, 1, PageLayout::kBlock}, tile.layout.head_dim, q,
                           {scores.data + j * scores.step, scores.step}, top);
  }
  nn::store_pair<Lanes>(top, highest);
}

template <int Lanes>
GOLONG_INLINE void gather_pages(const PageTile& tile, const nn::KeyRows& weights, const float* shrink, float* result) {
  constexpr int kRows = nn::kBlockRows<Lanes>;
  static_assert(PageLayout::kLeast % kRows == 0);
  nn::Pair<Lanes> keep;
  nn::load_pair<Lanes>(shrink, keep);
  for (int64_t d = 0; d < tile.layout.value_stride(); d += kRows, result += kRows * 2 * Lanes) {
    const int64_t start = tile.layout.value(0, d), step = tile.layout.value_block(d);
    nn::SumBlock<Lanes> sum = {};
    for (int64_t j = 0; j < tile.count; j += kPageTokens) {
      nn::add_product<Lanes>({tile.values[j / kPageTokens] + start, 1, step}, weights.data + j * weights.step,
                             weights.step, std::min(kPageTokens, tile.count - j), sum);
    }
    nn::add_block<Lanes>(sum, keep, result);
  }
}

}  // namespace
}  // namespace kernel

GOLONG_VERSIONS(void, score_pages,
                (const nn::PanelRows& rows, const PageTile& tile, const float* q, const nn::KeyRows& scores,
                 float* highest),
                (rows, tile, q, scores, highest))

GOLONG_VERSIONS(void, gather_pages,
                (const PageTile& tile, const nn::KeyRows& weights, const float* shrink, float* result),
                (tile, weights, shrink, result))

const std::vector<PageTileKernels>& page_tile_kernel_versions() {
  static const std::vector<PageTileKernels> versions = [] {
    const std::vector<nn::TileKernels>& rows = nn::tile_kernel_versions();
    const auto score = GOLONG_RUNNABLE_VERSIONS(score_pages);
    const auto gather = GOLONG_RUNNABLE_VERSIONS(gather_pages);
    std::vector<PageTileKernels> all;
    for (size_t i = 0; i < rows.size(); ++i) all.push_back({rows[i], score[i], gather[i]});
    return all;
  }();
  return versions;
}

}  // namespace golong

// The vector code of prompts' attention on themselves: a panel of rows (nn/tile_kernels.h) against keys and values in
// pages, which are read where they are. It computes what score_panel and gather_panel do.
#pragma once
#include <cstdint>
#include <vector>

#include "core/nn/segment_kernel.h"
#include "core/rollout/page_layout.h"

namespace golong {

inline constexpr int64_t kTilePages = nn::kTileKeys / kPageTokens;
static_assert(nn::kTileKeys % kPageTokens == 0);

// Keys begin .. begin + count - 1 of a prompt, begin a multiple of kTileKeys. Pages without such a key need not be
// there.
struct PageTile {
  int64_t begin, count;
  PageLayout layout;
  const float* keys[kTilePages];
  const float* values[kTilePages];
};

// As score_panel and gather_panel of nn/tile_kernels.h: q [head_dim][width], scores [keys][width], highest [width].
void score_pages(const nn::PanelRows& rows, const PageTile& tile, const float* q, const nn::KeyRows& scores,
                 float* highest);
// weights [keys][width], shrink [width], result [value_stride][width].
void gather_pages(const PageTile& tile, const nn::KeyRows& weights, const float* shrink, float* result);

// They for one instruction set, beside the kernels of the same set.
struct PageTileKernels {
  nn::TileKernels rows;
  decltype(&score_pages) score;
  decltype(&gather_pages) gather;
};
// For each instruction set that this machine has, the one that is used first.
const std::vector<PageTileKernels>& page_tile_kernel_versions();

}  // namespace golong

#include "core/rollout/prompt_attention.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>

#include "core/nn/forward_tile.h"
#include "core/rollout/float_pages.h"
#include "core/rollout/page_tile.h"

namespace golong {
namespace {

int64_t filled_dim(const PageLayout& layout) {
  return (layout.head_dim + nn::kDimBlock - 1) / nn::kDimBlock * nn::kDimBlock;
}

}  // namespace
PromptAttention::PromptAttention(const at::Tensor& q, const at::Tensor& out, const std::vector<PagedGroup>& groups,
                                 const KvPages& pages, int64_t layer, double scale)
    : out_(out), q_(q), pages_(pages), layer_(layer), scale_(static_cast<float>(scale)) {
  for (const PagedGroup& group : groups) {
    if (group.prompt) continue;
    int64_t row = group.first_row;
    for (const PagedSpan& span : group.spans) {
      for (int64_t first = 0; first < span.count * share(); first += nn::kTileRows) {
        for (int64_t head = 0; head < pages.kv_heads(); ++head) tiles_.push_back({&span, row, head, first});
      }
      row += span.count;
    }
  }
  std::reverse(tiles_.begin(), tiles_.end());  // the last rows see most: the longest first
  if (tiles_.empty()) return;
  q_ = q.to(at::kFloat);
  wide_out_ = q.scalar_type() == at::kFloat ? out : at::empty_like(q_);
}

int64_t PromptAttention::scratch() const { return nn::forward_scratch(filled_dim(pages_.layout())); }

template <class T>
void PromptAttention::run_on(const Tile& tile, float* scratch) const {
  const PageLayout& layout = pages_.layout();
  const PageTileKernels& kernels = page_tile_kernel_versions().front();
  const PagedSpan& span = *tile.span;
  const nn::HeadShape head{.rows = span.count * share(),
                           .share = share(),
                           .head_dim = layout.head_dim,
                           .keys = span.start + span.count,
                           .dim = filled_dim(layout),
                           .causal = true,
                           .before = span.start};
  const int64_t start = (tile.row * q_.size(1) + tile.kv_head * share()) * layout.head_dim;
  const int64_t token = q_.size(1) * layout.head_dim;
  nn::ForwardTile rows(head, {q_.const_data_ptr<float>() + start, token, layout.head_dim}, scale_, tile.first,
                       kernels.rows, scratch);
  FloatPages<T> pages(pages_, layer_, tile.kv_head, kTilePages);
  for (int64_t begin = 0; begin < rows.last(); begin += nn::kTileKeys) {
    PageTile keys{begin, std::min(nn::kTileKeys, rows.last() - begin), layout, {}, {}};
    for (int64_t p = 0; p * kPageTokens < keys.count; ++p) {
      const auto page = pages.get(p, span.own->pages[static_cast<size_t>(begin / kPageTokens + p)]);
      keys.keys[p] = page.keys;
      keys.values[p] = page.values;
    }
    rows.meet(
        begin, keys.count,
        [&](const nn::PanelRows& panel, const float* q, const nn::KeyRows& scores, float* highest) {
          kernels.score(panel, keys, q, scores, highest);
        },
        [&](const nn::KeyRows& weights, const float* shrink, float* result) {
          kernels.gather(keys, weights, shrink, result);
        });
  }
  rows.write({wide_out_.mutable_data_ptr<float>() + start, token, layout.head_dim});
}

void PromptAttention::run(int64_t tile, float* scratch) const {
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, pages_.dtype(), "prompt_attention",
                                 [&] { run_on<scalar_t>(tiles_[static_cast<size_t>(tile)], scratch); });
}

void PromptAttention::finish() const {
  if (tiles_.empty() || out_.scalar_type() == at::kFloat) return;
  for (const Tile& tile : tiles_) {
    if (tile.kv_head > 0 || tile.first > 0) continue;  // once for each span
    out_.narrow(0, tile.row, tile.span->count).copy_(wide_out_.narrow(0, tile.row, tile.span->count));
  }
}

}  // namespace golong

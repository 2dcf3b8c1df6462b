#include "core/rollout/prompt_attention.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>

#include "core/nn/forward_tile.h"
#include "core/rollout/float_pages.h"
#include "core/rollout/page_tile.h"

namespace golong {
namespace {

// Tiles of one task, so that a page that is read, and converted perhaps, serves several.
constexpr int64_t kTaskTiles = 4;
constexpr int64_t kTaskRows = kTaskTiles * nn::kTileRows;

int64_t filled_dim(const PageLayout& layout) {
  return (layout.head_dim + nn::kDimBlock - 1) / nn::kDimBlock * nn::kDimBlock;
}

void meet(nn::ForwardTile& rows, const PageTile& keys, const PageTileKernels& kernels) {
  rows.meet(
      keys.begin, keys.count,
      [&](const nn::PanelRows& panel, const float* q, const nn::KeyRows& scores, float* highest) {
        kernels.score(panel, keys, q, scores, highest);
      },
      [&](const nn::KeyRows& weights, const float* shrink, float* result) {
        kernels.gather(keys, weights, shrink, result);
      });
}

}  // namespace

PromptAttention::PromptAttention(const at::Tensor& q, const at::Tensor& out, const std::vector<PagedGroup>& groups,
                                 const KvPages& pages, int64_t layer, double scale)
    : out_(out), q_(q), pages_(pages), layer_(layer), scale_(static_cast<float>(scale)) {
  for (const PagedGroup& group : groups) {
    if (group.prompt) continue;
    int64_t row = group.first_row;
    for (const PagedSpan& span : group.spans) {
      for (int64_t first = 0; first < span.count * share(); first += kTaskRows) {
        for (int64_t head = 0; head < pages.kv_heads(); ++head) tasks_.push_back({&span, row, head, first});
      }
      row += span.count;
    }
  }
  const auto seen = [&](const Task& task) { return task.span->start + task.first / share(); };
  std::ranges::stable_sort(tasks_, [&](const Task& a, const Task& b) { return seen(a) > seen(b); });  // longest first
  if (tasks_.empty()) return;
  q_ = q.to(at::kFloat);
  wide_out_ = q.scalar_type() == at::kFloat ? out : at::empty_like(q_);
}

int64_t PromptAttention::scratch() const {
  return tasks_.empty() ? 0 : kTaskTiles * nn::ForwardTile::scratch(filled_dim(pages_.layout()));
}

template <class T>
void PromptAttention::run_on(const Task& task, float* scratch) const {
  const PageLayout& layout = pages_.layout();
  const PageTileKernels& kernels = page_tile_kernel_versions().front();
  const PagedSpan& span = *task.span;
  const nn::HeadShape head{.rows = span.count * share(),
                           .share = share(),
                           .head_dim = layout.head_dim,
                           .keys = span.start + span.count,
                           .dim = filled_dim(layout),
                           .causal = true,
                           .before = span.start};
  const int64_t start = (task.row * q_.size(1) + task.kv_head * share()) * layout.head_dim;
  const int64_t token = q_.size(1) * layout.head_dim;
  const nn::RowView<const float> q{q_.const_data_ptr<float>() + start, token, layout.head_dim};
  std::vector<nn::ForwardTile> tiles;
  tiles.reserve(kTaskTiles);
  for (int64_t row = task.first; row < std::min(task.first + kTaskRows, head.rows); row += nn::kTileRows) {
    tiles.emplace_back(head, q, scale_, row, kernels.rows, scratch);
    scratch += nn::ForwardTile::scratch(head.dim);
  }
  FloatPages<T> pages(pages_, layer_, task.kv_head, kTilePages);
  for (int64_t begin = 0; begin < tiles.back().last(); begin += nn::kTileKeys) {
    PageTile keys{begin, 0, layout, {}, {}};
    for (int64_t p = 0; p < kTilePages && begin + p * kPageTokens < tiles.back().last(); ++p) {
      const auto page = pages.get(p, span.own->pages[static_cast<size_t>(begin / kPageTokens + p)]);
      keys.keys[p] = page.keys;
      keys.values[p] = page.values;
    }
    for (nn::ForwardTile& rows : tiles) {
      keys.count = std::min(nn::kTileKeys, rows.last() - begin);
      if (keys.count > 0) meet(rows, keys, kernels);
    }
  }
  for (nn::ForwardTile& rows : tiles) rows.write({wide_out_.mutable_data_ptr<float>() + start, token, layout.head_dim});
}

void PromptAttention::run(int64_t task, float* scratch) const {
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, pages_.dtype(), "prompt_attention",
                                 [&] { run_on<scalar_t>(tasks_[static_cast<size_t>(task)], scratch); });
}

void PromptAttention::finish() const {
  if (tasks_.empty() || out_.scalar_type() == at::kFloat) return;
  for (const Task& task : tasks_) {
    if (task.kv_head > 0 || task.first > 0) continue;  // once for each span
    out_.narrow(0, task.row, task.span->count).copy_(wide_out_.narrow(0, task.row, task.span->count));
  }
}

}  // namespace golong

#include "core/rollout/paged_attention.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>
#include <limits>
#include <numbers>

#include "core/nn/share_out.h"
#include "core/rollout/float_pages.h"
#include "core/rollout/page_kernel.h"
#include "core/rollout/prompt_attention.h"

namespace golong {
namespace {

constexpr int64_t kTaskRows = 64;  // rows of one task: enough queries for each page that is read

// Rows of one group of responses and one key-value head, for one thread.
struct Task {
  const PagedGroup* group;
  int64_t kv_head;
  int64_t begin, end;  // rows of the group
};

// One layer; all pointers are to dense [T, heads, D].
template <class T>
class Layer {
 public:
  Layer(const T* q, T* out, int64_t heads, double scale, int64_t layer, const KvPages& pages)
      : q_(q),
        out_(out),
        heads_(heads),
        scale_(static_cast<float>(scale * std::numbers::log2e)),
        layer_(layer),
        pages_(pages) {}

  void run(const Task& task) const {
    const int64_t d = pages_.layout().head_dim, stride = pages_.layout().value_stride(),
                  share = heads_ / pages_.kv_heads();
    const int64_t queries = (task.end - task.begin) * share;
    const auto size = static_cast<size_t>(queries * stride);
    Block block{std::vector<float>(size, 0.f), std::vector<float>(size, 0.f),
                std::vector<float>(static_cast<size_t>(queries), 0.f),
                std::vector<float>(static_cast<size_t>(queries), -std::numeric_limits<float>::infinity()),
                FloatPages<T>(pages_, layer_, task.kv_head, kRunPages)};
    const auto place = [&](int64_t i) {
      const int64_t row = task.group->first_row + task.begin + i / share;
      return (row * heads_ + task.kv_head * share + i % share) * d;
    };
    for (int64_t i = 0; i < queries; ++i) {
      for (int64_t j = 0; j < d; ++j) {
        block.query[static_cast<size_t>(i * stride + j)] = static_cast<float>(q_[place(i) + j]) * scale_;
      }
    }
    visit_all(task, share, block);
    for (int64_t i = 0; i < queries; ++i) {
      const float inverse = 1 / block.sum[static_cast<size_t>(i)];
      const float* from = &block.result[static_cast<size_t>(i * stride)];
      for (int64_t j = 0; j < d; ++j) out_[place(i) + j] = static_cast<T>(from[j] * inverse);
    }
  }

 private:
  struct Block {
    std::vector<float> query, result;  // [queries, stride]
    std::vector<float> sum, highest;   // [queries]
    FloatPages<T> pages;
  };

  void visit_all(const Task& task, int64_t share, Block& block) const {
    const PageList& prompt = *task.group->prompt;
    visit(prompt, {0, (task.end - task.begin) * share, prompt.tokens, 0}, block);
    int64_t row = 0;  // of the group
    for (const PagedSpan& span : task.group->spans) {
      const int64_t first = std::max(row, task.begin), last = std::min(row + span.count, task.end);
      if (first < last) {
        const Seen seen{(first - task.begin) * share, (last - first) * share, span.start + first - row + 1, share};
        visit(*span.own, seen, block);
      }
      row += span.count;
    }
  }

  // Which queries of a block see how many tokens of a list: the first `tokens`, and one more for each `per_token`
  // queries further on (0: all the same).
  struct Seen {
    int64_t first, count, tokens, per_token;
  };

  void visit(const PageList& list, Seen seen, Block& block) const {
    const int64_t stride = pages_.layout().value_stride();
    const int64_t most = seen.tokens + (seen.per_token > 0 ? (seen.count - 1) / seen.per_token : 0);
    for (int64_t start = 0; start < most; start += kRunTokens) {
      PageRun run{
          {}, {}, seen.tokens - start, seen.per_token, {}, pages_.layout().size() * static_cast<int64_t>(sizeof(T))};
      for (int64_t p = 0; p < kRunPages && start + p * kPageTokens < most; ++p) {
        const auto page = block.pages.get(p, list.pages[static_cast<size_t>(start / kPageTokens + p)]);
        run.keys[p] = page.keys;
        run.values[p] = page.values;
      }
      for (int64_t p = 0; p < kRunPages && start + kRunTokens + p * kPageTokens < most; ++p) {
        const int32_t page = list.pages[static_cast<size_t>(start / kPageTokens + kRunPages + p)];
        run.soon[p] = reinterpret_cast<const char*>(block.pages.stored(page));
      }
      // Queries that see nothing of this run yet are left out.
      const int64_t skip = run.valid < 1 ? (1 - run.valid) * seen.per_token : 0;
      run.valid = std::max<int64_t>(run.valid, 1);
      const auto from = static_cast<size_t>(seen.first + skip);
      visit_pages({&block.query[from * static_cast<size_t>(stride)], seen.count - skip, pages_.layout()}, run,
                  {&block.result[from * static_cast<size_t>(stride)], &block.highest[from], &block.sum[from]});
    }
  }

  const T* q_;
  T* out_;
  int64_t heads_;
  float scale_;
  int64_t layer_;
  const KvPages& pages_;
};

std::vector<Task> tasks_of(const std::vector<PagedGroup>& groups, int64_t kv_heads) {
  std::vector<Task> tasks;
  for (const PagedGroup& group : groups) {
    if (!group.prompt) continue;
    const int64_t rows = group.rows();
    for (int64_t begin = 0; begin < rows; begin += kTaskRows) {
      for (int64_t head = 0; head < kv_heads; ++head) {
        tasks.push_back({&group, head, begin, std::min(begin + kTaskRows, rows)});
      }
    }
  }
  return tasks;
}

// Long spans are cut at pages, so that all threads write.
void write_all(const at::Tensor& k, const at::Tensor& v, KvPages& pages, const std::vector<PagedGroup>& groups,
               int64_t layer) {
  struct Piece {
    const PagedSpan* span;
    int64_t row, offset, count;
  };
  std::vector<Piece> pieces;
  for (const PagedGroup& group : groups) {
    int64_t row = group.first_row;
    for (const PagedSpan& span : group.spans) {
      for (int64_t i = 0, count; i < span.count; i += count) {
        count = std::min(kPageTokens - (span.start + i) % kPageTokens, span.count - i);
        pieces.push_back({&span, row, i, count});
      }
      row += span.count;
    }
  }
  constexpr int64_t kEnoughRows = 256;  // fewer are not worth a second thread
  const auto count = static_cast<int64_t>(pieces.size());
  const int64_t grain = std::max<int64_t>(1, kEnoughRows * count / std::max<int64_t>(1, k.size(0)));
  at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto& [span, row, offset, tokens] = pieces[static_cast<size_t>(i)];
      pages.write(*span->own, layer, span->start + offset, k, v, row + offset, tokens);
    }
  });
}

}  // namespace

int64_t PagedGroup::rows() const {
  int64_t count = 0;
  for (const PagedSpan& span : spans) count += span.count;
  return count;
}

at::Tensor paged_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, KvPages& pages,
                           const std::vector<PagedGroup>& groups, int64_t layer, double scale) {
  const at::Tensor queries = q.contiguous();
  at::Tensor out = at::empty_like(queries);
  // All is written before anybody reads: a group may see pages that another of the same forward writes.
  write_all(k.contiguous(), v.contiguous(), pages, groups, layer);
  const PromptAttention prompts(queries, out, groups, pages, layer, scale);
  const std::vector<Task> tasks = tasks_of(groups, pages.kv_heads());
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, q.scalar_type(), "paged_attention", [&] {
    const Layer<scalar_t> step(queries.const_data_ptr<scalar_t>(), out.mutable_data_ptr<scalar_t>(), q.size(1), scale,
                               layer, pages);
    nn::share_out(
        prompts.tasks() + static_cast<int64_t>(tasks.size()),
        [&] { return at::empty({prompts.scratch()}, at::kFloat); },
        [&](int64_t i, const at::Tensor& scratch) {
          if (i < prompts.tasks()) {
            prompts.run(i, scratch.mutable_data_ptr<float>());
          } else {
            step.run(tasks[static_cast<size_t>(i - prompts.tasks())]);
          }
        });
  });
  prompts.finish();
  return out;
}

}  // namespace golong

#include "core/rollout/paged_attention.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>
#include <limits>
#include <numbers>

#include "core/nn/share_out.h"
#include "core/rollout/page_kernel.h"

namespace golong {
namespace {

constexpr int64_t kBlockRows = 64;  // rows of one task: enough queries for each page that is read

// Keys and values of a run of pages as floats: the pages themselves, or a converted copy.
template <class T>
class FloatPages {
 public:
  FloatPages(const KvPages& pages, int64_t layer, int64_t kv_head)
      : pages_(pages),
        layer_(layer),
        kv_head_(kv_head),
        size_(pages.layout().size()),
        copy_(std::is_same_v<T, float> ? 0 : static_cast<size_t>(size_ * kRunPages)) {}

  // Page `index` of a run.
  void set(PageRun& run, int64_t index, int32_t page) {
    const T* keys = pages_.keys<T>(page, layer_, kv_head_);  // the values follow
    const float* from;
    if constexpr (std::is_same_v<T, float>) {
      from = keys;
    } else {
      float* to = copy_.data() + index * size_;
      widen_numbers(reinterpret_cast<const uint16_t*>(keys), size_, to);
      from = to;
    }
    run.keys[index] = from;
    run.values[index] = from + pages_.layout().head_dim * kPageTokens;
  }

 private:
  const KvPages& pages_;
  int64_t layer_, kv_head_, size_;
  std::vector<float> copy_;
};

// Rows of one group and one key-value head, for one thread.
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
                FloatPages<T>(pages_, layer_, task.kv_head)};
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
    if (task.group->prompt) {
      const int64_t seen = task.group->prompt->tokens;
      visit(*task.group->prompt, {0, (task.end - task.begin) * share, seen, 0}, block);
    }
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
      PageRun run{{}, {}, seen.tokens - start, seen.per_token};
      for (int64_t p = 0; p < kRunPages && start + p * kPageTokens < most; ++p) {
        block.pages.set(run, p, list.pages[static_cast<size_t>(start / kPageTokens + p)]);
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
    const int64_t rows = group.rows();
    for (int64_t begin = 0; begin < rows; begin += kBlockRows) {
      for (int64_t head = 0; head < kv_heads; ++head) {
        tasks.push_back({&group, head, begin, std::min(begin + kBlockRows, rows)});
      }
    }
  }
  // Of a prompt the last rows see most: the longest tasks first, so that threads end together.
  std::reverse(tasks.begin(), tasks.end());
  return tasks;
}

void write_all(const at::Tensor& k, const at::Tensor& v, KvPages& pages, const std::vector<PagedGroup>& groups,
               int64_t layer) {
  for (const PagedGroup& group : groups) {
    int64_t row = group.first_row;
    for (const PagedSpan& span : group.spans) {
      pages.write(*span.own, layer, span.start, k.narrow(0, row, span.count), v.narrow(0, row, span.count));
      row += span.count;
    }
  }
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
  const std::vector<Task> tasks = tasks_of(groups, pages.kv_heads());
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, q.scalar_type(), "paged_attention", [&] {
    const Layer<scalar_t> step(queries.const_data_ptr<scalar_t>(), out.mutable_data_ptr<scalar_t>(), q.size(1), scale,
                               layer, pages);
    nn::share_out(static_cast<int64_t>(tasks.size()), [&](int64_t i) { step.run(tasks[static_cast<size_t>(i)]); });
  });
  return out;
}

}  // namespace golong

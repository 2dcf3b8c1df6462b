#include "core/rollout/paged_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <limits>

#include "core/rollout/page_kernel.h"

namespace golong {
namespace {

// Keys or values of a page as floats: the page itself, or a converted copy.
template <class T>
class FloatPage {
 public:
  explicit FloatPage(int64_t size) : buffer_(std::is_same_v<T, float> ? 0 : size) {}
  const float* operator()(const T* data) {
    if constexpr (std::is_same_v<T, float>) {
      return data;
    } else {
      for (size_t i = 0; i < buffer_.size(); ++i) buffer_[i] = static_cast<float>(data[i]);
      return buffer_.data();
    }
  }

 private:
  std::vector<float> buffer_;
};

// One decode step of one layer; all pointers are to dense [B, heads, D].
template <class T>
struct Step {
  const T *q, *k, *v;
  T* out;
  int64_t heads;
  float scale;
  int64_t layer;
  KvPages& pages;

  void write_present(const DecodeGroup& group, int64_t kv_head) const;
  void attend(const DecodeGroup& group, int64_t kv_head) const;
};

template <class T>
void Step<T>::write_present(const DecodeGroup& group, int64_t kv_head) const {
  const int64_t d = pages.head_dim(), stride = pages.value_stride();
  for (size_t r = 0; r < group.own.size(); ++r) {
    const PageList& own = *group.own[r];
    int64_t slot = (own.tokens - 1) % kPageTokens;
    int32_t page = own.pages[(own.tokens - 1) / kPageTokens];
    int64_t from = ((group.first_row + static_cast<int64_t>(r)) * pages.kv_heads() + kv_head) * d;
    T* keys = pages.keys<T>(page, layer, kv_head) + slot;
    T* values = pages.values<T>(page, layer, kv_head) + slot * stride;
    for (int64_t i = 0; i < d; ++i) {
      keys[i * kPageTokens] = k[from + i];
      values[i] = v[from + i];
    }
  }
}

// All queries of one group that share one key-value head.
template <class T>
void Step<T>::attend(const DecodeGroup& group, int64_t kv_head) const {
  const int64_t d = pages.head_dim(), stride = pages.value_stride(), share = heads / pages.kv_heads();
  const int64_t responses = static_cast<int64_t>(group.own.size()), queries = responses * share;
  std::vector<float> query(queries * stride, 0.f), result(queries * stride, 0.f), sum(queries, 0.f),
      highest(queries, -std::numeric_limits<float>::infinity());
  auto place = [&](int64_t i) { return ((group.first_row + i / share) * heads + kv_head * share + i % share) * d; };
  for (int64_t i = 0; i < queries; ++i) {
    for (int64_t j = 0; j < d; ++j) query[i * stride + j] = static_cast<float>(q[place(i) + j]) * scale;
  }
  FloatPage<T> keys(d * kPageTokens), values(stride * kPageTokens);
  auto visit = [&](const PageList& list, int64_t first, int64_t count) {
    Gathered gathered{&result[first * stride], &highest[first], &sum[first]};
    for (size_t p = 0; p < list.pages.size(); ++p) {
      int64_t valid = std::min(kPageTokens, list.tokens - static_cast<int64_t>(p) * kPageTokens);
      if (valid <= 0) break;
      const float* page_keys = keys(pages.keys<T>(list.pages[p], layer, kv_head));
      const float* page_values = values(pages.values<T>(list.pages[p], layer, kv_head));
      visit_page(&query[first * stride], count, stride, d, page_keys, page_values, valid, gathered);
    }
  };
  visit(*group.prompt, 0, queries);
  for (int64_t r = 0; r < responses; ++r) visit(*group.own[r], r * share, share);
  for (int64_t i = 0; i < queries; ++i) {
    for (int64_t j = 0; j < d; ++j) out[place(i) + j] = static_cast<T>(result[i * stride + j] / sum[i]);
  }
}

}  // namespace

at::Tensor paged_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, KvPages& pages,
                           const std::vector<DecodeGroup>& groups, int64_t layer, double scale) {
  at::Tensor queries = q.contiguous(), keys = k.contiguous(), values = v.contiguous(), out = at::zeros_like(queries);
  const int64_t kv_heads = pages.kv_heads(), tasks = static_cast<int64_t>(groups.size()) * kv_heads;
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, q.scalar_type(), "paged_attention", [&] {
    Step<scalar_t> step{queries.const_data_ptr<scalar_t>(),
                        keys.const_data_ptr<scalar_t>(),
                        values.const_data_ptr<scalar_t>(),
                        out.data_ptr<scalar_t>(),
                        q.size(1),
                        static_cast<float>(scale),
                        layer,
                        pages};
    // Groups differ in length: threads take the next task when they are done with one.
    std::atomic<int64_t> next{0};
    at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), tasks), 1, [&](int64_t, int64_t) {
      for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) {
        step.write_present(groups[i / kv_heads], i % kv_heads);
        step.attend(groups[i / kv_heads], i % kv_heads);
      }
    });
  });
  return out;
}

}  // namespace golong

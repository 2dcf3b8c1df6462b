#include "core/rollout/kv_pages.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cassert>

namespace golong {
namespace {

// k, v: dense [count, Hkv, D]
template <class T>
void write_tokens(const std::vector<T*>& starts, int64_t first_slot, const at::Tensor& k, const at::Tensor& v,
                  int64_t kv_heads, int64_t head_dim) {
  const T* keys = k.const_data_ptr<T>();
  const T* values = v.const_data_ptr<T>();
  for (int64_t i = 0; i < k.size(0); ++i) {
    int64_t slot = first_slot + i;
    T* page = starts[slot / kPageTokens];
    slot %= kPageTokens;
    for (int64_t h = 0; h < kv_heads; ++h) {
      T* page_keys = page + h * 2 * head_dim * kPageTokens;
      T* page_values = page_keys + head_dim * kPageTokens + slot * head_dim;
      const T* key = keys + (i * kv_heads + h) * head_dim;
      const T* value = values + (i * kv_heads + h) * head_dim;
      for (int64_t d = 0; d < head_dim; ++d) {
        page_keys[d * kPageTokens + slot] = key[d];
        page_values[d] = value[d];
      }
    }
  }
}

}  // namespace

KvPages::KvPages(int64_t layers, int64_t kv_heads, int64_t head_dim, at::ScalarType dtype)
    : layers_(layers), kv_heads_(kv_heads), head_dim_(head_dim), dtype_(dtype) {}

void KvPages::extend(PageList& list, int64_t tokens) {
  while (static_cast<int64_t>(list.pages.size()) * kPageTokens < list.tokens + tokens) {
    if (free_.empty()) {
      free_.push_back(static_cast<int32_t>(pages_.size()));
      // Zeroed: places that are not yet written are read by the kernel's dense loops and masked afterwards.
      pages_.push_back(
          at::zeros({layers_ * kv_heads_ * 2 * head_dim_ * kPageTokens}, at::TensorOptions().dtype(dtype_)));
    }
    list.pages.push_back(free_.back());
    free_.pop_back();
  }
}

void KvPages::release(PageList& list) {
  free_.insert(free_.end(), list.pages.begin(), list.pages.end());
  list = {};
}

void KvPages::write(const PageList& list, int64_t layer, int64_t start, const at::Tensor& k, const at::Tensor& v) {
  assert(start + k.size(0) <= static_cast<int64_t>(list.pages.size()) * kPageTokens);
  at::Tensor keys = k.contiguous(), values = v.contiguous();
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, dtype_, "write", [&] {
    std::vector<scalar_t*> starts;
    for (int32_t page : list.pages) starts.push_back(pages_[page].data_ptr<scalar_t>() + offset(layer, 0));
    write_tokens<scalar_t>(starts, start, keys, values, kv_heads_, head_dim_);
  });
}

int64_t KvPages::bytes() const {
  return static_cast<int64_t>(pages_.size()) * layers_ * kv_heads_ * 2 * head_dim_ * kPageTokens *
         static_cast<int64_t>(c10::elementSize(dtype_));
}

}  // namespace golong

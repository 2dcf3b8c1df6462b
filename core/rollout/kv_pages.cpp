#include "core/rollout/kv_pages.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cassert>

namespace golong {
namespace {

// keys and values: dense [count, Hkv, D]
template <class T>
void write_tokens(const KvPages& pages, const PageList& list, int64_t layer, int64_t start, int64_t count,
                  const T* keys, const T* values) {
  const int64_t d = pages.head_dim(), stride = pages.value_stride(), kv_heads = pages.kv_heads();
  for (int64_t i = 0; i < count; ++i) {
    int64_t slot = (start + i) % kPageTokens;
    int32_t page = list.pages[(start + i) / kPageTokens];
    for (int64_t h = 0; h < kv_heads; ++h) {
      T* page_keys = pages.keys<T>(page, layer, h) + slot;
      T* page_values = pages.values<T>(page, layer, h) + slot * stride;
      const T* key = keys + (i * kv_heads + h) * d;
      const T* value = values + (i * kv_heads + h) * d;
      for (int64_t j = 0; j < d; ++j) {
        page_keys[j * kPageTokens] = key[j];
        page_values[j] = value[j];
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
      pages_.push_back(at::zeros({layers_ * kv_heads_ * head_size()}, at::TensorOptions().dtype(dtype_)));
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
    write_tokens<scalar_t>(*this, list, layer, start, k.size(0), keys.const_data_ptr<scalar_t>(),
                           values.const_data_ptr<scalar_t>());
  });
}

int64_t KvPages::bytes() const {
  return static_cast<int64_t>(pages_.size()) * layers_ * kv_heads_ * head_size() *
         static_cast<int64_t>(c10::elementSize(dtype_));
}

}  // namespace golong

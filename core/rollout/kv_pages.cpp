#include "core/rollout/kv_pages.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>

#include <algorithm>
#include <cassert>

#include "core/base/error.h"
#include "core/nn/device.h"

namespace golong {
namespace {

// Tokens whose rows are dense [Hkv, D], written behind `start` tokens of the list. They are taken by the blocks in
// which their keys lie, so that writes follow each other.
template <class T>
void write_tokens(const KvPages& pages, const PageList& list, int64_t layer, int64_t start, int64_t count,
                  const T* keys, const T* values) {
  const PageLayout& layout = pages.layout();
  const int64_t d = layout.head_dim, kv_heads = pages.kv_heads(), token = kv_heads * d;
  for (int64_t i = 0, tokens; i < count; i += tokens) {
    const int64_t slot = (start + i) % kPageTokens;
    const int32_t page = list.pages[static_cast<size_t>((start + i) / kPageTokens)];
    tokens = std::min(PageLayout::kBlock - slot % PageLayout::kBlock, count - i);
    for (int64_t h = 0; h < kv_heads; ++h) {
      T *page_keys = pages.keys<T>(page, layer, h), *page_values = pages.values<T>(page, layer, h);
      const T *key = keys + i * token + h * d, *value = values + i * token + h * d;
      for (int64_t j = 0; j < d; ++j) {
        T* to = page_keys + layout.key(slot, j);
        for (int64_t t = 0; t < tokens; ++t) to[t] = key[t * token + j];
      }
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t j = 0; j < d; j += PageLayout::kBlock) {
          std::copy_n(value + t * token + j, std::min(PageLayout::kBlock, d - j),
                      page_values + layout.value(slot + t, j));
        }
      }
    }
  }
}

}  // namespace

KvPages::KvPages(const ModelShape& shape, at::ScalarType dtype, at::Device device, int64_t budget_bytes)
    : layers_(shape.layers),
      kv_heads_(shape.kv_heads),
      layout_{shape.head_dim},
      dtype_(dtype),
      device_(device),
      limit_(budget_bytes / page_bytes()) {
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, "keys and values in ", dtype, " are not built");
}

int32_t KvPages::take() {
  if (free_.empty()) {
    if (allocated() >= limit_) return -1;
    // Zeroed: places that are not yet written are read by the kernels' dense loops and masked afterwards.
    if (device_.is_cpu()) {
      pages_.push_back(at::zeros({layers_ * kv_heads_ * layout_.size()}, at::TensorOptions().dtype(dtype_)));
    } else if (!pool_.defined()) {
      make_pool();
    }
    free_.push_back(static_cast<int32_t>(holders_.size()));
    holders_.push_back(0);
  }
  const int32_t page = free_.back();
  free_.pop_back();
  hold(page);
  return page;
}

void KvPages::make_pool() {
  try {
    pool_ = at::zeros({2, layers_, limit_, kPageTokens, kv_heads_, layout_.head_dim},
                      at::TensorOptions().dtype(dtype_).device(device_));
  } catch (const c10::OutOfMemoryError&) {
    fail("rollout.kv_cache_bytes: ", device_.str(), " has no room for ", limit_ * page_bytes(),
         " bytes of keys and values beside what is there already; set it lower");
  }
}

void KvPages::release(int32_t page) {
  assert(holders(page) > 0);
  if (--holders_[static_cast<size_t>(page)] == 0) free_.push_back(page);
}

void KvPages::give_back() {
  assert(in_use() == 0);
  pages_.clear();
  if (pool_.defined()) {
    pool_.reset();
    nn::give_back_memory(device_);
  }
  holders_.clear();
  free_.clear();
}

void KvPages::write(const PageList& list, int64_t layer, int64_t start, const at::Tensor& k, const at::Tensor& v,
                    int64_t row, int64_t count) {
  assert(pages_of(start + count) <= static_cast<int64_t>(list.pages.size()));
  const int64_t from = row * kv_heads_ * layout_.head_dim;
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, dtype_, "write", [&] {
    write_tokens<scalar_t>(*this, list, layer, start, count, k.const_data_ptr<scalar_t>() + from,
                           v.const_data_ptr<scalar_t>() + from);
  });
}

int64_t KvPages::page_bytes() const {
  const int64_t head = device_.is_cpu() ? layout_.size() : 2 * kPageTokens * layout_.head_dim;
  return layers_ * kv_heads_ * head * static_cast<int64_t>(c10::elementSize(dtype_));
}

}  // namespace golong

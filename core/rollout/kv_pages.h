// Keys and values in pages of a fixed number of tokens. A prompt's pages are written once and read by all who share
// them; each response has pages of its own for what it generated.
#pragma once
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/model/model.h"

namespace golong {

// Tokens of one page.
inline constexpr int64_t kPageTokens = 64;

inline int64_t pages_of(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

// The pages of one prompt or one response, in order.
struct PageList {
  std::vector<int32_t> pages;
  int64_t tokens = 0;  // that the pages hold, or will hold after the present forward
};

// Where, on the CPU, a page of one layer and key-value head has its keys [kPageTokens, D] and values [kPageTokens, value_stride], D
// rounded up to a multiple of 16. Both are cut so that the kernel reads them from front to end, 32 numbers at a time:
// keys as blocks of 32 tokens, each [D, 32]; values as blocks of 32 dimensions (the last may have 16), each
// [kPageTokens, 32].
struct PageLayout {
  static constexpr int64_t kBlock = 32;

  int64_t head_dim;

  int64_t value_stride() const { return (head_dim + 15) / 16 * 16; }
  int64_t key(int64_t token, int64_t dim) const {
    return token / kBlock * kBlock * head_dim + dim * kBlock + token % kBlock;
  }
  // Dimensions of the block in which `dim` is.
  int64_t value_block(int64_t dim) const { return std::min(kBlock, value_stride() - dim / kBlock * kBlock); }
  int64_t value(int64_t token, int64_t dim) const {
    return dim / kBlock * kBlock * kPageTokens + token * value_block(dim) + dim % kBlock;
  }
  int64_t size() const { return (head_dim + value_stride()) * kPageTokens; }  // keys, then values
};

// All pages of an engine, each with the number of its holders. On the CPU memory grows page by page; on another device
// the first page takes all of the budget. Not thread-safe, but for writes to different places and reads.
class KvPages {
 public:
  KvPages(const ModelShape& shape, at::ScalarType dtype, at::Device device, int64_t budget_bytes);

  // Takes a page, with one holder. -1 where the budget holds no more.
  int32_t take();
  void hold(int32_t page) { ++holders_[static_cast<size_t>(page)]; }
  void release(int32_t page);  // one holder less; without any the page is free
  int64_t holders(int32_t page) const { return holders_[static_cast<size_t>(page)]; }

  void give_back();  // all memory; nobody may hold a page

  // The CPU: writes keys and values [count, Hkv, D] of one layer, dense, behind `start` tokens of the list.
  void write(const PageList& list, int64_t layer, int64_t start, const at::Tensor& k, const at::Tensor& v);

  // The CPU: the keys and the values of a page.
  template <class T>
  T* keys(int32_t page, int64_t layer, int64_t head) const {
    return static_cast<T*>(pages_[static_cast<size_t>(page)].mutable_data_ptr()) +
           (layer * kv_heads_ + head) * layout_.size();
  }
  template <class T>
  T* values(int32_t page, int64_t layer, int64_t head) const {
    return keys<T>(page, layer, head) + layout_.head_dim * kPageTokens;
  }

  // Another device: the keys and the values of all pages, [pages, kPageTokens, Hkv, D].
  at::Tensor keys_of(int64_t layer) const { return pool_.select(0, 0).select(0, layer); }
  at::Tensor values_of(int64_t layer) const { return pool_.select(0, 1).select(0, layer); }

  const PageLayout& layout() const { return layout_; }
  int64_t kv_heads() const { return kv_heads_; }
  at::Device device() const { return device_; }
  at::ScalarType dtype() const { return dtype_; }

  int64_t page_bytes() const;
  int64_t limit() const { return limit_; }  // pages that the budget holds
  int64_t in_use() const { return allocated() - static_cast<int64_t>(free_.size()); }
  int64_t allocated() const { return static_cast<int64_t>(holders_.size()); }  // pages; they stay until give_back()

 private:
  void make_pool();

  int64_t layers_, kv_heads_;
  PageLayout layout_;
  at::ScalarType dtype_;
  at::Device device_;
  int64_t limit_;
  std::vector<at::Tensor> pages_;  // on the CPU
  at::Tensor pool_;                // elsewhere: [keys and values, layers, pages, kPageTokens, Hkv, D]
  std::vector<int32_t> holders_;
  std::vector<int32_t> free_;
};

}  // namespace golong

// Keys and values in pages of a fixed number of tokens. A prompt's pages are written once and read by all who share
// them; each response has pages of its own for what it generated.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/model/model.h"
#include "core/rollout/page_layout.h"

namespace golong {

// The pages of one prompt or one response, in order.
struct PageList {
  std::vector<int32_t> pages;
  int64_t tokens = 0;  // that the pages hold, or will hold after the present forward
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

  // The CPU: writes `count` tokens of one layer, from row `row` on of keys and values [rows, Hkv, D], dense, behind
  // `start` tokens of the list.
  void write(const PageList& list, int64_t layer, int64_t start, const at::Tensor& k, const at::Tensor& v, int64_t row,
             int64_t count);

  // The CPU: the keys and the values of a page.
  template <class T>
  T* keys(int32_t page, int64_t layer, int64_t head) const {
    return static_cast<T*>(pages_[static_cast<size_t>(page)].mutable_data_ptr()) +
           (layer * kv_heads_ + head) * layout_.size();
  }
  template <class T>
  T* values(int32_t page, int64_t layer, int64_t head) const {
    return keys<T>(page, layer, head) + layout_.values();
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

// Keys and values in pages of a fixed number of tokens. A prompt's pages are written once and read by all responses of
// its group; each response has pages of its own for what it generated.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace golong {

// Tokens of one page.
inline constexpr int64_t kPageTokens = 64;

// The pages of one prompt or one response, in order.
struct PageList {
  std::vector<int32_t> pages;
  int64_t tokens = 0;  // written so far
};

// All pages of an engine. One page holds, for every layer and key-value head, keys as [D, kPageTokens] and values as
// [kPageTokens, value_stride], D rounded up to a multiple of 16: the loops over keys and over dimensions are then both
// dense. Not thread-safe, but for writes to different pages and reads.
class KvPages {
 public:
  KvPages(int64_t layers, int64_t kv_heads, int64_t head_dim, at::ScalarType dtype);

  // Makes room for `tokens` more tokens.
  void extend(PageList& list, int64_t tokens);
  void release(PageList& list);

  // Writes keys and values [count, Hkv, D] of one layer behind `start` tokens of the list.
  void write(const PageList& list, int64_t layer, int64_t start, const at::Tensor& k, const at::Tensor& v);

  // Start of the keys [D, kPageTokens] and the values [kPageTokens, value_stride] of a page.
  template <class T>
  T* keys(int32_t page, int64_t layer, int64_t head) const {
    return static_cast<T*>(pages_[page].mutable_data_ptr()) + (layer * kv_heads_ + head) * head_size();
  }
  template <class T>
  T* values(int32_t page, int64_t layer, int64_t head) const {
    return keys<T>(page, layer, head) + head_dim_ * kPageTokens;
  }

  int64_t head_dim() const { return head_dim_; }
  int64_t value_stride() const { return (head_dim_ + 15) / 16 * 16; }
  int64_t kv_heads() const { return kv_heads_; }
  at::ScalarType dtype() const { return dtype_; }
  int64_t bytes() const;  // allocated
  int64_t pages_in_use() const { return static_cast<int64_t>(pages_.size() - free_.size()); }

 private:
  int64_t head_size() const { return (head_dim_ + value_stride()) * kPageTokens; }  // one layer, one head

  int64_t layers_, kv_heads_, head_dim_;
  at::ScalarType dtype_;
  std::vector<at::Tensor> pages_;
  std::vector<int32_t> free_;
};

}  // namespace golong

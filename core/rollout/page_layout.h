// How keys and values lie in a page, and how much it holds. Needs no LibTorch.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/nn/decode_item.h"

namespace golong {

using nn::kPageTokens;  // tokens of one page

inline int64_t pages_of(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

// Where, on the CPU, a page of one layer and key-value head has its keys [kPageTokens, D] and values [kPageTokens,
// value_stride], D rounded up to a multiple of 16. Both are cut so that the kernel reads them from front to end, 32
// numbers at a time: keys as blocks of 32 tokens, each [D, 32]; values as blocks of 32 dimensions (the last may have
// 16), each [kPageTokens, 32].
struct PageLayout {
  static constexpr int64_t kBlock = 32;
  static constexpr int64_t kLeast = 16;  // dimensions of the last block of values

  int64_t head_dim;

  int64_t value_stride() const { return (head_dim + kLeast - 1) / kLeast * kLeast; }
  int64_t key(int64_t token, int64_t dim) const {
    return token / kBlock * kBlock * head_dim + dim * kBlock + token % kBlock;
  }
  // Dimensions of the block in which `dim` is.
  int64_t value_block(int64_t dim) const { return std::min(kBlock, value_stride() - dim / kBlock * kBlock); }
  int64_t value(int64_t token, int64_t dim) const {
    return dim / kBlock * kBlock * kPageTokens + token * value_block(dim) + dim % kBlock;
  }
  int64_t values() const { return head_dim * kPageTokens; }  // where they begin: behind the keys
  // Numbers of one layer and head: keys, then values.
  int64_t size() const { return (head_dim + value_stride()) * kPageTokens; }
};

}  // namespace golong

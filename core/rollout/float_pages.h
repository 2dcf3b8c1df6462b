// Pages as floats: the pages themselves, or converted copies.
#pragma once
#include <type_traits>
#include <vector>

#include "core/rollout/kv_pages.h"
#include "core/rollout/page_kernel.h"

namespace golong {

// Keys and values of a few pages of one layer and key-value head. T is the type of the pages.
template <class T>
class FloatPages {
 public:
  FloatPages(const KvPages& pages, int64_t layer, int64_t kv_head, int64_t most)
      : pages_(pages),
        layer_(layer),
        kv_head_(kv_head),
        copies_(std::is_same_v<T, float> ? 0 : static_cast<size_t>(pages.layout().size() * most)) {}

  const T* stored(int32_t page) const { return pages_.keys<T>(page, layer_, kv_head_); }  // the values follow

  struct Page {
    const float *keys, *values;
  };
  // Until the same index (below `most`) is asked for again.
  Page get(int64_t index, int32_t page) {
    const T* keys = stored(page);
    if constexpr (std::is_same_v<T, float>) {
      return {keys, keys + pages_.layout().values()};
    } else {
      const int64_t size = pages_.layout().size();
      float* copy = copies_.data() + index * size;
      widen_numbers(reinterpret_cast<const uint16_t*>(keys), size, copy);
      return {copy, copy + pages_.layout().values()};
    }
  }

 private:
  const KvPages& pages_;
  int64_t layer_, kv_head_;
  std::vector<float> copies_;
};

}  // namespace golong

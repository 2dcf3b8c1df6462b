// A tile of rows as the kernels read it: dense, [rows][dim], and in panels of two vectors of rows, each [dim][rows].
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/nn/segment_kernel.h"

namespace golong::nn {

// Rows are short, and a call of memmove takes longer than to copy one.
template <class T>
void copy_row(const T* from, int64_t count, T* to) {
  constexpr int64_t kTogether = 16 / sizeof(T);
  int64_t i = 0;
  for (; i + kTogether <= count; i += kTogether) std::memcpy(to + i, from + i, 16);
  for (; i < count; ++i) to[i] = from[i];
}

// Rows first .. first + count - 1 of a head, and the keys that they see.
class TileRows {
 public:
  TileRows(const HeadShape& head, int64_t first, int64_t panel_width)
      : count(std::min(kTileRows, head.rows - first)),
        width(panel_width),
        panels((count + width - 1) / width),
        head_(head) {
    int64_t token = first / head.share, of_token = first % head.share;
    for (int64_t i = 0; i < count; ++i) {
      token_[i] = token;
      head_of_[i] = of_token;
      seen_[i] = static_cast<int32_t>(head.causal ? std::min(head.before + token + 1, head.keys) : head.keys);
      if (++of_token == head.share) {
        of_token = 0;
        ++token;
      }
    }
    last = seen_[count - 1];
    std::fill(seen_ + count, seen_ + kTileRows, seen_[count - 1]);
  }

  const int64_t count, width, panels;
  int64_t last;  // keys that any of the rows sees

  PanelRows panel(int64_t p) const { return {seen_ + p * width, seen_[p * width]}; }

  template <class T>
  T* row(const RowView<T>& view, int64_t i) const {
    return view.data + token_[i] * view.token + head_of_[i] * view.head;
  }

  // to [panels * width][dim]; what is filled up is 0.
  template <class T>
  void gather(const RowView<const T>& rows, T* to) const {
    for (int64_t i = 0; i < count; ++i, to += head_.dim) {
      copy_row(row(rows, i), head_.head_dim, to);
      std::fill(to + head_.head_dim, to + head_.dim, T{});
    }
    std::fill_n(to, (panels * width - count) * head_.dim, T{});
  }
  template <class T>
  void scatter(const T* dense, const RowView<T>& to) const {
    for (int64_t i = 0; i < count; ++i) copy_row(dense + i * head_.dim, head_.head_dim, row(to, i));
  }

  // Dense rows times factor to panels, and back.
  void to_panels(const TileKernels& kernels, const float* dense, float factor, float* to) const {
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t at = p * width * head_.dim;
      kernels.transpose(dense + at, head_.dim, width, head_.dim, factor, to + at, width);
    }
  }
  void from_panels(const TileKernels& kernels, const float* from, float* dense) const {
    for (int64_t p = 0; p < panels; ++p) {
      const int64_t at = p * width * head_.dim;
      kernels.transpose(from + at, width, head_.dim, width, 1, dense + at, head_.dim);
    }
  }

 private:
  const HeadShape head_;
  alignas(64) int32_t seen_[kTileRows];
  int64_t token_[kTileRows], head_of_[kTileRows];
};

}  // namespace golong::nn

// Rows on the CPU shared out to LibTorch's threads.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>

#if !defined(INTRA_OP_PARALLEL) && !defined(__clang_analyzer__)  // clang-tidy reads it without
#error "compiled without OpenMP, at::parallel_for would use one thread (cmake/Torch.cmake)"
#endif

namespace golong::nn {

// Calls body(begin, end) for all rows of `width` numbers, some 32K numbers at a time: what body does with them one
// after the other finds them in the cache.
template <class Body>
void parallel_rows(int64_t rows, int64_t width, const Body& body) {
  const int64_t block = std::max<int64_t>(1, 32768 / std::max<int64_t>(width, 1));
  at::parallel_for(0, rows, block, [&](int64_t begin, int64_t end) {
    for (; begin < end; begin += block) body(begin, std::min(end, begin + block));
  });
}

// Rows in parts of a fixed size, for sums over rows that do not depend on the number of threads.
class RowParts {
 public:
  RowParts(int64_t rows, int64_t width)
      : rows_(rows), part_(std::max<int64_t>(1, 65536 / std::max<int64_t>(width, 1))) {}

  int64_t count() const { return (rows_ + part_ - 1) / part_; }

  // Calls body(part, first row, rows) for all parts.
  template <class Body>
  void each(const Body& body) const {
    at::parallel_for(0, count(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        body(part, part * part_, std::min(part_, rows_ - part * part_));
      }
    });
  }

  // sums [parts, N] -> [N], added up in their order.
  static at::Tensor sum(const at::Tensor& sums) {
    at::Tensor all = at::zeros({sums.size(1)}, sums.options());
    for (int64_t part = 0; part < sums.size(0); ++part) all.add_(sums[part]);
    return all;
  }

 private:
  int64_t rows_, part_;
};

}  // namespace golong::nn

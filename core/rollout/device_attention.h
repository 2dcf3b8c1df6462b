// Attention over pages on another device than the CPU (paged_attention.h says what is computed). What all layers of a
// forward share is prepared once.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/nn/device_kernels.h"
#include "core/rollout/paged_attention.h"

namespace golong {

// Single tokens are decoded by the kernel of our own, where there is one, which reads pages where they lie; all else
// gathers pages into dense segments.
class DeviceAttention {
 public:
  // `heads`: of queries. The groups must live as long as it does; their rows are those of q, in order.
  DeviceAttention(KvPages& pages, const std::vector<PagedGroup>& groups, int64_t heads);

  // q [T, H, D], k and v [T, Hkv, D] -> [T, H, D]
  at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t layer, double scale) const;

 private:
  // Rows of a group that run as segments: those of spans of several tokens, or all of them.
  struct Segments {
    struct Span {
      int64_t first_row, count, start;  // `start` tokens of its own pages are seen by all of them
      at::Tensor own;                   // those pages
    };
    int64_t first_row, rows;
    int64_t prompt_tokens;  // 0: none
    at::Tensor prompt;      // its pages
    std::vector<Span> spans;
  };

  void plan_segments(const PagedGroup& group);
  void plan_decode(const std::vector<const PagedGroup*>& groups, int64_t rows);
  at::Tensor pages_tensor(const PageList& list, int64_t tokens) const;
  void attend_segments(const Segments& work, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       int64_t layer, double scale, const at::Tensor& out) const;

  KvPages& pages_;
  const nn::DeviceKernels* kernels_;
  int64_t heads_;
  at::Tensor slots_;  // [T] int64: where each row's keys and values go, counted in tokens of all pages
  std::vector<Segments> segments_;
  nn::PagedDecode decode_;  // without tensors of a layer
};

}  // namespace golong

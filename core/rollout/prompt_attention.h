// Attention of prompts on themselves over pages, some tiles of rows at a time. Their tokens are many, and the kernels
// of training in float32 fit, whatever the type of the pages; responses, of few rows each, have their own
// (page_kernel.h).
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

#include "core/rollout/paged_attention.h"

namespace golong {

class PromptAttention {
 public:
  // q [T, H, D], dense, and out like it; of the rows of groups that are prompts, whose keys and values are written.
  // All is borrowed.
  PromptAttention(const at::Tensor& q, const at::Tensor& out, const std::vector<PagedGroup>& groups,
                  const KvPages& pages, int64_t layer, double scale);

  int64_t tasks() const { return static_cast<int64_t>(tasks_.size()); }
  int64_t scratch() const;                       // floats that run() needs, aligned to 64 bytes
  void run(int64_t task, float* scratch) const;  // thread-safe
  void finish() const;                           // when all tasks are done

 private:
  // Rows `first` and on of one span and one key-value head: row r is head r % share of token r / share.
  struct Task {
    const PagedSpan* span;
    int64_t row;  // of q, where the span begins
    int64_t kv_head, first;
  };
  template <class T>
  void run_on(const Task& task, float* scratch) const;
  int64_t share() const { return q_.size(1) / pages_.kv_heads(); }

  const at::Tensor& out_;
  at::Tensor q_, wide_out_;  // float32
  const KvPages& pages_;
  int64_t layer_;
  float scale_;
  std::vector<Task> tasks_;
};

}  // namespace golong

// What libgolong_cuda gives to the layers: kernels of our own, each for what takes LibTorch several passes over memory.
// Built without nvcc the library has none of them, and LibTorch's operations serve.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/nn/decode_item.h"
#include "core/nn/numbers.h"

namespace golong::parallel {
class Backends;
}

namespace golong::nn {

// A CUDA device as its driver tells it. Throw c10::Error where the driver fails.
struct CudaDevices {
  int (*count)();
  std::string (*name)(int device);
  int64_t (*memory)(int device);  // bytes, all of it
  int (*capability)(int device);  // 90 for 9.0
  void (*synchronize)(int device);
  void (*give_back)();  // memory that the allocator keeps and no tensor has
  // Bytes of the tensors on the device: now, and at most since the last reset.
  int64_t (*used)(int device);
  int64_t (*peak)(int device);
  void (*reset_peak)(int device);
};

// Rows of which each sees whole lists of pages. All tensors on one device.
struct PagedDecode {
  at::Tensor q;             // [T, H, D]
  at::Tensor keys, values;  // [pages, tokens of a page, Hkv, D] of one layer
  at::Tensor page_table;    // int32: lists of pages, one after the other
  at::Tensor few, many;     // DecodeItems as int32 [items, 6], of at most `few_queries` and more queries for a kv head
  at::Tensor first_result;  // [T + 1] int32: where the partial results of each row start; a row may have none
  // Partial results of all rows: [results, H, D] and [results, H] float32. Scratch, which several layers may share.
  at::Tensor results, sums;
  bool all_rows = false;  // each row has some
  double scale = 1;
};

// Tokens drawn from rows of logits: [picks] each.
struct DrawnTokens {
  at::Tensor token;             // int64
  at::Tensor logprob, sampled;  // float32: under softmax(logits), and under softmax(logits / temperature)
};

// x and gradients are float32 or bfloat16, dense; positions and tables as nn/norms.h has them.
struct DeviceKernels {
  at::Tensor (*rotate)(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, double direction);
  // Of generation. x [.., D] by rows, without gradients.
  at::Tensor (*rms_norm)(const at::Tensor& x, const at::Tensor& weight, double epsilon);
  // rms_norm, where there is a weight, and then rotate, of x [T, H, D].
  at::Tensor (*norm_rotate)(const at::Tensor& x, const at::Tensor& weight, double epsilon, const at::Tensor& cos,
                            const at::Tensor& sin);
  at::Tensor (*swiglu)(const at::Tensor& gate, const at::Tensor& up);
  void (*swiglu_backward)(const at::Tensor& grad, const at::Tensor& gate, const at::Tensor& up, at::Tensor& grad_gate,
                          at::Tensor& grad_up);

  // logits [tokens, width] float32 of the vocabulary from `start` on: adds what they say to float64 [tokens], as
  // nn/logprob.cpp has them.
  void (*logprob_tile)(const at::Tensor& logits, const at::Tensor& targets, int64_t start, double temperature,
                       const at::Tensor& normalizer, const at::Tensor& mean, const at::Tensor& chosen);
  // Their gradient, in `type`.
  at::Tensor (*logprob_tile_backward)(const at::Tensor& logits, const at::Tensor& targets, int64_t start,
                                      double temperature, const at::Tensor& normalizer, const at::Tensor& mean,
                                      const at::Tensor& grad, const at::Tensor& grad_entropy, at::ScalarType type);

  // Queries (rows times query heads of a kv head) of one DecodeItem at most, and of one that counts as few.
  int64_t most_queries, few_queries;
  // Partial results that an item leaves for each of its rows.
  int64_t (*decode_results)(at::ScalarType type, int64_t head_dim, bool few);
  at::Tensor (*paged_decode)(const PagedDecode& work);  // [T, H, D]; 0 for rows that have no results
  // k and v [T, Hkv, D] into the pages of one layer, at `slots` [T] int64: tokens counted over all pages.
  void (*write_pages)(const at::Tensor& k, const at::Tensor& v, const at::Tensor& slots, const at::Tensor& keys,
                      const at::Tensor& values);

  // logits [rows, V] float32, rows and keys [picks] int64: argmax of logits / temperature + gumbel(key, token), as
  // rollout/sampling.h has it; temperature 0: the highest logit. NaN where a row is not finite.
  DrawnTokens (*draw)(const at::Tensor& logits, const at::Tensor& rows, const at::Tensor& keys, double temperature);
};

struct CudaLibrary {
  CudaDevices devices;
  std::shared_ptr<const parallel::Backends> (*nccl)(int device);
  const DeviceKernels* kernels;  // nullptr: built without nvcc
};

// Of the device that the tensor is on; nullptr on the CPU, and where there are none.
const DeviceKernels* device_kernels(const at::Tensor& x);

// Whether elementwise work on it is by kernels of golong's own, on the CPU or on a device that brings them; by
// LibTorch's operations elsewhere.
inline bool has_kernels(const at::Tensor& x) { return has_row_kernels(x) || device_kernels(x); }

}  // namespace golong::nn

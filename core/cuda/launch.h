// The kernels as C++ sees them: pointers to dense data on the device of the stream, and the sizes. Each is put on the
// stream and not waited for.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "core/nn/decode_item.h"

namespace golong::cuda {

enum class Number { float32, bfloat16 };

// y = x [tokens, heads, width] turned by cos and sin [tokens, width], halves paired; direction -1 turns back.
void rotate(Number type, const void* x, const float* cos, const float* sin, int64_t tokens, int64_t heads,
            int64_t width, float direction, void* y, cudaStream_t stream);

// y = x / rms(x) * weight by rows of x [rows, width]; with `cos` then turned by the angles of the row's token, which
// are those of `heads` rows. weight or cos may be null.
void norm_rotate(Number type, const void* x, const void* weight, float epsilon, const float* cos, const float* sin,
                 int64_t rows, int64_t heads, int64_t width, void* y, cudaStream_t stream);

// y = silu(gate) * up, and its gradients.
void swiglu(Number type, const void* gate, const void* up, int64_t count, void* y, cudaStream_t stream);
void swiglu_backward(Number type, const void* grad, const void* gate, const void* up, int64_t count, void* grad_gate,
                     void* grad_up, cudaStream_t stream);

// logits [tokens, width] of the vocabulary from `start` on.
struct LogprobTile {
  const float* logits;
  const int64_t* targets;  // [tokens]
  int64_t tokens, width, start;
  double temperature;
};
void logprob_tile(const LogprobTile& tile, double* normalizer, double* mean, double* chosen, cudaStream_t stream);
void logprob_tile_backward(const LogprobTile& tile, const double* normalizer, const double* mean, const float* grad,
                           const float* grad_entropy, Number type, void* grad_logits, cudaStream_t stream);

struct Draw {
  const float* logits;  // [.., vocabulary]
  int64_t vocabulary;
  const int64_t *rows, *keys;  // [picks]
  int64_t picks;
  double temperature;
  int64_t* token;
  float *logprob, *sampled;
};
void draw(const Draw& draw, cudaStream_t stream);

// Sees nn::PagedDecode, whose tensors these are. `results` [results, heads, head_dim] and `sums` [results, heads] are
// scratch.
struct PagedDecode {
  Number type;
  const void *q, *keys, *values;
  int64_t tokens, heads, kv_heads, head_dim;
  const int32_t *page_table, *few, *many, *first_result;
  int64_t few_count, many_count;
  float scale;
  float *results, *sums;
  void* out;
};
void paged_decode(const PagedDecode& work, cudaStream_t stream);
// Rows of keys and values, each of `row_bytes`, to their slots.
void write_pages(const void* k, const void* v, const int64_t* slots, int64_t rows, int64_t row_bytes, void* keys,
                 void* values, cudaStream_t stream);
// Whether tensor cores are used.
bool has_fast_decode(Number type, int64_t head_dim);

using nn::kPageTokens;
inline constexpr int64_t kMostQueries = 64, kFewQueries = 16;
inline constexpr int64_t kFewParts = 4;  // results of an item of few queries: its keys are shared out to four warps

}  // namespace golong::cuda

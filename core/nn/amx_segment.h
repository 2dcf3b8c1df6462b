// Attention of bfloat16 segments by the CPU's matrix unit. Scores, their softmax and all sums are float32; weights and
// the gradients of scores are rounded to bfloat16 before they are multiplied. Numbers are passed as uint16_t.
#pragma once
#include "core/nn/segment_kernel.h"

namespace golong::nn {

constexpr int64_t kAmxKeyBlock = 32;  // keys are filled up to a multiple of this

// What segment_kernel.h says of the functions of float32. `columns` are the numbers that are summed over keys, turned
// by turn_keys: values in the forward pass, keys in the backward pass.
struct AmxKernels {
  int64_t (*forward_scratch)(int64_t dim);
  int64_t (*backward_scratch)(int64_t dim);
  void (*forward_tile)(const SegmentHead<uint16_t>& head, const uint16_t* columns, int64_t first,
                       const RowView<uint16_t>& out, const RowView<float>& lse, float* scratch);
  void (*backward_tile)(const SegmentPart<uint16_t>& part, const uint16_t* columns, int64_t first, float* scratch);
  // from [keys][dim] to [keys / 32][dim][32]; `keys` a multiple of kAmxKeyBlock.
  void (*turn_keys)(const uint16_t* from, int64_t keys, int64_t dim, uint16_t* to);
};

// Null where there is no such unit (has_amx).
const AmxKernels* amx_kernels();

}  // namespace golong::nn

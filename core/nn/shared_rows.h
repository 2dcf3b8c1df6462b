// Rows that one rank has and all ranks need.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/parallel/group.h"

namespace golong::nn {

// The rows x[index] of rank 0, on all ranks: x [T, C] with any T, index [n] int64 of rank 0's rows -> [n, C]. All ranks
// give an index of as many rows; what others' say is not read. Gradients of all ranks are summed (in float32) into
// those of rank 0's x.
at::Tensor shared_rows(const at::Tensor& x, const at::Tensor& index, const parallel::Group& ranks);

}  // namespace golong::nn

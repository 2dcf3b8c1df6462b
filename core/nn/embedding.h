// Rows of a table by token, whose gradient is as large as the tokens rather than as the table.
#pragma once
#include <ATen/core/Tensor.h>

namespace golong::nn {

// table [V, C], token_ids [T] int64, each in [0, V) -> [T, C]. The gradient is added to the rows of the table's .grad
// where it is a leaf (nn/leaf_gradient.h): those of one token are summed up first, in float32 and in their order.
at::Tensor embedding(const at::Tensor& table, const at::Tensor& token_ids);

}  // namespace golong::nn
